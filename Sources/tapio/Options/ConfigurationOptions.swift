import ArgumentParser
import Glibc
import TapioAgent
import TapioCollectors
import TapioEvents

/// Where the configuration comes from.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file. Default: $TAPIO_CONFIG, else \(ConfigurationSources.standardPath) if it is there.",
            valueName: "path"
        )
    )
    var config: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Sets one key, as in --set rings.bulk_bytes=8MiB. Repeatable; wins over file and environment.",
            valueName: "key=value"
        )
    )
    var settings: [String] = []

    /// The effective configuration. Throws ``ConfigurationErrors`` with all that is wrong.
    func load(flags: [ConfigurationFlag] = []) throws -> LoadedConfiguration {
        try ConfigurationOptions.load(config: config, settings: settings, flags: flags)
    }

    /// The same, and whether an agent on this machine could run with it.
    func loadForAgent() throws -> LoadedConfiguration {
        try ConfigurationLoader(schema: .agent, machine: MachineFacts.current).load(sources())
    }

    /// Like ``load(flags:)`` without a command line.
    static func load(
        config: String? = nil,
        settings: [String] = [],
        flags: [ConfigurationFlag] = []
    ) throws -> LoadedConfiguration {
        let sources = try sources(config: config, settings: settings, flags: flags)
        return try ConfigurationLoader(schema: .agent).load(sources)
    }

    /// Everything that may set a key.
    func sources(flags: [ConfigurationFlag] = []) throws -> ConfigurationSources {
        try ConfigurationOptions.sources(config: config, settings: settings, flags: flags)
    }

    private static func sources(
        config: String?,
        settings: [String],
        flags: [ConfigurationFlag]
    ) throws -> ConfigurationSources {
        let environment = ConfigurationSources.processEnvironment
        var file = ConfigurationSources.File.standard(ConfigurationSources.standardPath)
        if let named = config ?? environment["TAPIO_CONFIG"], !named.isEmpty { file = .named(named) }
        var all: [ConfigurationFlag] = []
        for setting in settings {
            do throws(ConfigurationError) {
                all.append(try ConfigurationFlag(set: setting))
            } catch {
                throw CommandFailure(.usage, "--set \(setting): \(error.message); \(error.remedy)")
            }
        }
        return ConfigurationSources(file: file, environment: environment, flags: all + flags)
    }
}

extension ConfigurationSchema {
    /// The keys of this build: the agent's, and those that its collectors and kinds declare.
    static let agent = AgentConfiguration.schema
}

/// A path made absolute: the configuration takes no others.
enum AbsolutePath {
    static func of(_ path: String) -> String {
        if path.hasPrefix("/") || path.isEmpty { return path }
        guard let directory = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(directory) }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
        let base = unsafe String(cString: directory)
        return rest == "." || rest.isEmpty ? base : (base == "/" ? "" : base) + "/" + rest
    }
}
