import Foundation
import Glibc
import Logging
import TapioCollectors

/// A directory for one run: archive and control socket, and the agent that works there.
struct BenchmarkPlace {
    let path: String

    init(in directory: String) throws {
        var template = Array("\(directory)/tapio-bench-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw GeneratorError("cannot make a directory in \(directory)", errno: errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    var archive: String { path + "/archive" }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The agent's defaults but for what the benchmark must have.
    private func sources(_ load: BenchmarkLoad, _ settings: [ConfigurationFlag]) -> ConfigurationSources {
        var flags = [
            ConfigurationFlag(key: "archive.path", value: archive, spelling: "bench"),
            ConfigurationFlag(key: "control.socket", value: path + "/control.sock", spelling: "bench"),
        ]
        for name in CollectorRegistry.all.map(\.name) {
            let isWanted = load.collectors.contains(name)
            flags.append(
                ConfigurationFlag(key: "collectors.\(name).enabled", value: "\(isWanted)", spelling: "bench")
            )
        }
        return ConfigurationSources(file: .standard(path + "/none.yaml"), flags: flags + settings)
    }

    /// An agent whose archive and socket are here, and which archives the benchmarks' kinds as well.
    func makeAgent(_ load: BenchmarkLoad, _ settings: [ConfigurationFlag]) throws(AgentError) -> Agent {
        try Agent(
            sources: sources(load, settings),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
            logSettings: AgentLogHandler.Settings(),
            minimumLevel: .critical,
            registry: BenchmarkKinds.registry
        )
    }
}
