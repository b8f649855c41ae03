import Glibc
import TapioAgent

/// The agent's own schema, with the keys of its collectors and kinds.
let testSchema = AgentConfiguration.schema

/// A directory that disappears with its owner.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/tapio-configuration-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
    }

    deinit { Self.remove(path) }

    /// Writes a file of mode 0644 and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) -> String { write(name, bytes: Array(text.utf8)) }

    @discardableResult
    func write(_ name: String, bytes: [UInt8]) -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        var written = 0
        while written < bytes.count {
            written += bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
            }
        }
        close(descriptor)
        return file
    }

    func makeDirectory(_ name: String) -> String {
        mkdir("\(path)/\(name)", 0o755)
        return "\(path)/\(name)"
    }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// Loads one file's text.
func load(
    _ text: String,
    environment: [String: String] = [:],
    flags: [ConfigurationFlag] = [],
    schema: ConfigurationSchema = testSchema
) throws(ConfigurationErrors) -> LoadedConfiguration {
    let directory = TemporaryDirectory()
    let path = directory.write("tapio.yaml", text)
    return try ConfigurationLoader(schema: schema)
        .load(ConfigurationSources(file: .named(path), environment: environment, flags: flags))
}

/// The errors of one file's text, each as `line:column key message; remedy`.
func errors(_ text: String, environment: [String: String] = [:], flags: [ConfigurationFlag] = []) -> [String] {
    do throws(ConfigurationErrors) {
        _ = try load(text, environment: environment, flags: flags)
        return []
    } catch {
        return error.errors.map {
            "\($0.line ?? 0):\($0.column ?? 0) \($0.key ?? "-") \($0.message); \($0.remedy)"
        }
    }
}
