/// Reads all sources, checks everything, and gives one value or all that is wrong.
public struct ConfigurationLoader: Sendable {
    /// The keys that may be set.
    public let schema: ConfigurationSchema
    private let machine: (@Sendable () -> MachineFacts)?

    /// Variables that begin with `TAPIO_` and set no key; commands read them themselves.
    public static let reservedVariables: Set<String> = ["TAPIO_CONFIG"]

    /// A loader for these keys.
    ///
    /// - Parameter machine: Asked at each load what the values have to fit; nil where they are not for an agent on this
    ///   machine, but for a command that only looks something up in them.
    public init(schema: ConfigurationSchema, machine: (@Sendable () -> MachineFacts)? = nil) {
        self.schema = schema
        self.machine = machine
    }

    /// The effective configuration. Reads files and changes nothing, so that a reload can try it while the agent runs.
    ///
    /// - Throws: every error that was found, the first ``ConfigurationErrors/limit`` in full.
    public func load(_ sources: ConfigurationSources) throws(ConfigurationErrors) -> LoadedConfiguration {
        var assembly = Assembly(schema: schema)
        var isMainFileOptional = false
        if case .standard = sources.file { isMainFileOptional = true }
        assembly.readFile(sources.file.path, mayBeMissing: isMainFileOptional)
        assembly.readDropIns(of: sources.file.path)
        assembly.readEnvironment(sources.environment)
        assembly.readFlags(sources.flags)
        return try assembly.finish(on: machine?())
    }
}

/// A configuration that passed every check, and where each value was given.
public struct LoadedConfiguration: Sendable, Hashable {
    /// The effective configuration.
    public let configuration: AgentConfiguration
    /// Where each key was given, by path; a key that is absent has its default.
    public let origins: [String: ConfigurationOrigin]
    /// The files that were read, in the order in which they were applied.
    public let files: [String]
}

/// A configuration while sources are laid over each other.
private struct Assembly {
    let schema: ConfigurationSchema
    private var configuration: AgentConfiguration
    private var origins: [String: ConfigurationOrigin] = [:]
    private var files: [String] = []
    private var errors = ConfigurationErrors()

    init(schema: ConfigurationSchema) {
        self.schema = schema
        self.configuration = schema.defaults
    }

    mutating func readFile(_ path: String, mayBeMissing: Bool) {
        let text: [UInt8]
        do throws(ConfigurationFileReader.Refusal) {
            text = try ConfigurationFileReader.read(path)
        } catch {
            if !(error.isMissing && mayBeMissing) { add(error, path) }
            return
        }
        files.append(path)
        for assignment in ConfigurationDocument.assignments(in: text, path: path, schema: schema, errors: &errors) {
            set(assignment.key, assignment.text, assignment.origin)
        }
    }

    mutating func readDropIns(of path: String) {
        let directory = path + ".d"
        do throws(ConfigurationFileReader.Refusal) {
            let paths = try ConfigurationFileReader.yamlFiles(inDirectory: directory)
            if let refusal = ConfigurationFileReader.refusal(ofDirectory: directory) { throw refusal }
            for path in paths { readFile(path, mayBeMissing: false) }
        } catch {
            add(error, directory)
        }
    }

    mutating func readEnvironment(_ environment: [String: String]) {
        let keys = Dictionary(schema.keys.map { ($0.environmentVariable, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("TAPIO_") {
            if let key = keys[name] {
                set(key, value, .environment(name))
            } else if !ConfigurationLoader.reservedVariables.contains(name),
                !KubernetesServiceVariable.matches(name, value)
            {
                errors.add(
                    ConfigurationError(
                        .environment(name),
                        "sets no key",
                        remedy: Self.suggestion(for: name, among: keys.keys.sorted())
                    )
                )
            }
        }
    }

    mutating func readFlags(_ flags: [ConfigurationFlag]) {
        for flag in flags {
            if let key = schema.key(flag.key) {
                set(key, flag.value, .flag(flag.spelling))
                continue
            }
            let remedy =
                schema.nearest(to: flag.key).map { "did you mean \($0)?" } ?? "`tapio config default` lists the keys"
            errors.add(ConfigurationError(.flag(flag.spelling), key: flag.key, "is not a key", remedy: remedy))
        }
    }

    consuming func finish(on machine: MachineFacts?) throws(ConfigurationErrors) -> LoadedConfiguration {
        // What keys say together means nothing while one of them is wrong.
        if errors.isEmpty {
            let misfits = machine.map { ConfigurationMachineCheck(machine: $0).conflicts(in: configuration) } ?? []
            for conflict in ConfigurationConflict.all(in: configuration) + misfits {
                let origin = origins[conflict.key] ?? origins[conflict.other] ?? .defaults
                errors.add(ConfigurationError(origin, key: conflict.key, conflict.message, remedy: conflict.remedy))
            }
        }
        guard errors.isEmpty else { throw errors }
        return LoadedConfiguration(configuration: configuration, origins: origins, files: files)
    }

    private mutating func set(_ key: ConfigurationKey, _ text: String, _ origin: ConfigurationOrigin) {
        do throws(InvalidValue) {
            let value = try key.parse(text)
            key.write(&configuration, value)
            origins[key.path] = origin
        } catch {
            errors.add(
                ConfigurationError(
                    origin,
                    key: key.path,
                    error.message,
                    remedy: "correct or remove it, the default is \(key.defaultValue)"
                )
            )
        }
    }

    private mutating func add(_ refusal: ConfigurationFileReader.Refusal, _ path: String) {
        errors.add(
            ConfigurationError(
                .file(path: path, line: refusal.line, column: refusal.column),
                refusal.message,
                remedy: refusal.remedy
            )
        )
    }

    private static func suggestion(for name: String, among known: [String]) -> String {
        guard name.utf8.count <= 128, let near = EditDistance.nearest(to: name, among: known, atMost: 3) else {
            return "unset it; names are TAPIO_ and the key's path, as in TAPIO_ARCHIVE_PATH"
        }
        return "did you mean \(near)?"
    }
}
