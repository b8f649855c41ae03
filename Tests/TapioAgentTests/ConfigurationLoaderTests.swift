import TapioAgent
import Testing

@Suite("Configuration: what is accepted, and who wins")
struct ConfigurationLoaderTests {
    @Test("a list is a YAML list in a file, and has commas in variables and flags")
    func lists() throws {
        func ignored(_ text: String, _ variable: String? = nil, _ flag: String? = nil) throws -> [String]? {
            let flags = try flag.map { [try ConfigurationFlag(set: "collectors.syscall.ignore=\($0)")] } ?? []
            let environment = variable.map { ["TAPIO_COLLECTORS_SYSCALL_IGNORE": $0] } ?? [:]
            return try load(text, environment: environment, flags: flags)
                .configuration.collectors["syscall"]?.list("ignore")
        }
        let file = "collectors: {syscall: {ignore: "
        #expect(try ignored("")?.contains("EAGAIN") == true)
        #expect(try ignored(file + "[EPERM, EIO]}}") == ["EPERM", "EIO"])
        #expect(try ignored("collectors:\n  syscall:\n    ignore:\n      - EPERM\n") == ["EPERM"])
        #expect(try ignored(file + "[]}}") == [])
        #expect(try ignored(file + "EPERM}}") == ["EPERM"])
        #expect(try ignored(file + "[EPERM]}}", "EIO, ENXIO") == ["EIO", "ENXIO"])
        #expect(try ignored(file + "[EPERM]}}", "EIO", "[EBADF,ENXIO]") == ["EBADF", "ENXIO"])
        #expect(try ignored("", nil, "[]") == [])
        #expect(try ignored("", nil, "[\"EBADF\", 'EIO']") == ["EBADF", "EIO"])
        #expect(throws: ConfigurationErrors.self) { try ignored("", nil, "[[EIO]]") }
        #expect(throws: ConfigurationErrors.self) { try ignored("", nil, "[EIO") }
    }

    @Test(
        "an empty file is the defaults",
        arguments: ["", "\n", "# only a comment\n", "---\n", "{}", "archive:\n", "\u{FEFF}"]
    )
    func emptyFile(text: String) throws {
        let loaded = try load(text)
        #expect(loaded.configuration == testSchema.defaults)
        #expect(loaded.origins.isEmpty)
    }

    @Test("a missing standard file is the defaults, a missing named one is an error")
    func missingFile() throws {
        let loader = ConfigurationLoader(schema: testSchema)
        let path = "/nonexistent/tapio.yaml"
        #expect(try loader.load(.init(file: .standard(path))).configuration == testSchema.defaults)
        #expect(throws: ConfigurationErrors.self) { try loader.load(.init(file: .named(path))) }
    }

    @Test("every kind of value is read in its unit")
    func values() throws {
        let configuration = try load(
            """
            node: "worker 7"   # quoted
            archive:
              path: '/data/it''s'
              sync: batch
              retention: { max_bytes: 0, max_age: 7d }
            batch:
              max_age: 500ms
            rings.urgent_bytes: 64KiB
            encoders: 3
            reader: {cpu: 1}
            log: {level: trace, format: json}
            aggregation:
              window: 10s
              process_fork: always
              tcp_close: off
              process_exec: overload
            sampling:
              tcp_close: 0.25
              process_exec: 1
            sampling_mode: {tcp_close: process, tcp_connect: independent}
            overload: {high: 0.75, mode: "off"}
            collectors:
              process: {enabled: false, args_bytes: 100}
            """
        ).configuration
        #expect(configuration.node == "worker 7")
        #expect(configuration.archive.path == "/data/it's")
        #expect(configuration.archive.sync == .batch)
        #expect(configuration.archive.retention.maxBytes == nil)
        #expect(configuration.archive.retention.maxAgeNs == 7 * 86_400_000_000_000)
        #expect(configuration.batch.maxAgeNs == 500_000_000)
        #expect(configuration.rings.urgentBytes == 65536)
        #expect(configuration.encoders == 3)
        #expect(configuration.reader.cpu == 1)
        #expect(configuration.log.level == .trace)
        #expect(configuration.log.format == .json)
        #expect(configuration.sampling == ["tcp_close": 0.25])
        #expect(configuration.aggregation.windowNs == 10_000_000_000)
        #expect(configuration.aggregation.kinds == ["process_fork": .always, "tcp_close": .off])
        #expect(configuration.samplingModes == ["tcp_close": .process])
        #expect(configuration.overload.mode == .off)
        #expect(configuration.overload.high == 0.75)
        #expect(configuration.overload.low == 0.2)
        #expect(configuration.collectors["process"]?.enabled == false)
        #expect(configuration.collectors["process"]?.integer("args_bytes") == 100)
        #expect(configuration.collectors["network"]?.integer("max_sockets") == 65536)
    }

    @Test("flags win over the environment, that over drop-ins in their order, those over the file")
    func precedence() throws {
        let directory = TemporaryDirectory()
        let path = directory.write(
            "tapio.yaml",
            "batch: {max_rows: 2000, max_age: 1s, max_bytes: 1MiB}\nencoders: 2\nnode: a\n"
        )
        _ = directory.makeDirectory("tapio.yaml.d")
        directory.write("tapio.yaml.d/20-b.yaml", "batch: {max_age: 3s}")
        directory.write("tapio.yaml.d/10-a.yaml", "batch: {max_age: 2s, max_bytes: 2MiB}\nencoders: 4\nnode: b")
        directory.write("tapio.yaml.d/.hidden.yaml", "not: read")
        directory.write("tapio.yaml.d/notes.txt", "not: read")
        let loaded = try ConfigurationLoader(schema: testSchema).load(
            ConfigurationSources(
                file: .named(path),
                environment: ["TAPIO_ENCODERS": "5", "TAPIO_NODE": "c", "HOME": "/root", "TAPIO_CONFIG": path],
                flags: [try ConfigurationFlag(set: "node=d")]
            )
        )
        let configuration = loaded.configuration
        #expect(configuration.batch.maxRows == 2000)
        #expect(configuration.batch.maxAgeNs == 3_000_000_000)
        #expect(configuration.batch.maxBytes == 2 << 20)
        #expect(configuration.encoders == 5)
        #expect(configuration.node == "d")
        #expect(loaded.origins["batch.max_rows"] == .file(path: path, line: 1, column: 19))
        #expect(loaded.origins["batch.max_age"]?.description == "\(path).d/20-b.yaml:1")
        #expect(loaded.origins["encoders"] == .environment("TAPIO_ENCODERS"))
        #expect(loaded.origins["node"]?.description == "--set node")
        #expect(loaded.origins["log.level"] == nil)
        #expect(loaded.files == [path, "\(path).d/10-a.yaml", "\(path).d/20-b.yaml"])
    }

    @Test("drop-ins are read where the standard file is missing")
    func dropInsAlone() throws {
        let directory = TemporaryDirectory()
        _ = directory.makeDirectory("tapio.yaml.d")
        directory.write("tapio.yaml.d/a.yaml", "encoders: 4")
        let loaded = try ConfigurationLoader(schema: testSchema)
            .load(ConfigurationSources(file: .standard(directory.path + "/tapio.yaml")))
        #expect(loaded.configuration.encoders == 4)
    }

    @Test("every key can be set by its environment variable, and no two share one")
    func environmentNames() throws {
        #expect(Set(testSchema.keys.map(\.environmentVariable)).count == testSchema.keys.count)
        let environment = Dictionary(
            uniqueKeysWithValues: testSchema.keys.map { key in
                // A variable needs no quotes.
                if case .text(let text) = key.defaultValue { return (key.environmentVariable, text) }
                return (key.environmentVariable, key.defaultValue.description)
            }
        )
        let loaded = try load("", environment: environment)
        #expect(loaded.configuration == testSchema.defaults)
        #expect(loaded.origins.count == testSchema.keys.count)
    }

    @Test("variables that Kubernetes makes for a service called tapio are no settings")
    func serviceVariables() throws {
        _ = try load(
            "",
            environment: [
                "TAPIO_SERVICE_HOST": "10.0.0.1", "TAPIO_SERVICE_PORT": "80", "TAPIO_SERVICE_PORT_METRICS": "80",
                "TAPIO_PORT": "tcp://10.0.0.1:80", "TAPIO_PORT_80_TCP": "tcp://10.0.0.1:80",
                "TAPIO_PORT_80_TCP_ADDR": "10.0.0.1",
                "TAPIO_METRICS_SERVICE_HOST": "10.0.0.2",
            ]
        )
    }

    @Test("a node without a name has the host's")
    func nodeName() throws {
        #expect(try load("node: n1").configuration.nodeName == "n1")
        #expect(try !load("").configuration.nodeName.isEmpty)
    }

    @Test("the fingerprint is stable, and differs where the configuration does")
    func fingerprint() throws {
        let defaults = try load("").configuration
        let same = try load("sampling: {process_exec: 1}\narchive: {segment: {max_bytes: 268435456}}").configuration
        let other = try load("collectors: {process: {args_bytes: 1}}").configuration
        #expect(defaults == same)
        #expect(defaults.fingerprint == same.fingerprint)
        #expect(defaults.fingerprint != other.fingerprint)
        #expect(AgentConfiguration().fingerprint == fingerprintOfDefaults)
    }

    /// Computed once; it may change only where a key or a default does.
    private let fingerprintOfDefaults: UInt64 = 6_462_518_210_784_742_552

    @Test("a diff tells what a reload applies and what waits for a restart")
    func diff() throws {
        let old = try load("").configuration
        let new = try load("batch: {max_age: 1s}\nrings: {bulk_bytes: 8MiB}\nnode: x\nsampling: {process_exec: 0.5}")
            .configuration
        let diff = ConfigurationDiff(old: old, new: new, schema: testSchema)
        #expect(diff.live.map(\.description) == ["batch.max_age: 5s -> 1s", "sampling.process_exec: 1 -> 0.5"])
        #expect(diff.needingRestart.map(\.description) == ["node: auto -> x", "rings.bulk_bytes: 4MiB -> 8MiB"])
        #expect(ConfigurationDiff(old: new, new: new, schema: testSchema).isEmpty)
        let applied = testSchema.applyingLiveChanges(from: new, to: old)
        #expect(ConfigurationDiff(old: old, new: applied, schema: testSchema).changes == diff.live)
    }
}
