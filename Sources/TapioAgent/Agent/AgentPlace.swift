import Foundation
import Glibc
import Logging
import TapioEvents

/// A directory for one run of an agent that measures: its archive and its control socket, and then gone.
struct AgentPlace {
    let path: String
    private let purpose: String

    /// Makes the directory below another one.
    ///
    /// - Parameter purpose: What it is for, as its name tells.
    init(in directory: String, for purpose: String) throws {
        self.purpose = purpose
        var template = Array("\(directory)/tapio-\(purpose)-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw GeneratorError("cannot make a directory in \(directory)", errno: errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    var archive: String { path + "/archive" }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// What an agent that works here is told, last of all.
    private var flags: [ConfigurationFlag] {
        [
            ConfigurationFlag(key: "archive.path", value: archive, spelling: purpose),
            ConfigurationFlag(key: "control.socket", value: path + "/control.sock", spelling: purpose),
            ConfigurationFlag(key: "http.listen", value: ConfigurationKey.off, spelling: purpose),
        ]
    }

    /// An agent with this configuration whose archive and socket are here, and that logs nothing.
    ///
    /// - Parameter registry: The kinds that it archives; nil: the collectors'.
    func makeAgent(_ sources: ConfigurationSources, registry: SchemaRegistry? = nil) throws(AgentError) -> Agent {
        var sources = sources
        sources.flags += flags
        return try Agent(
            sources: sources,
            logger: Logger(label: purpose) { _ in SwiftLogNoOpLogHandler() },
            logSettings: AgentLogHandler.Settings(),
            minimumLevel: .critical,
            registry: registry
        )
    }
}
