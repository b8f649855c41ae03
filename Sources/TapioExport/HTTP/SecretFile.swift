import TapioArchive

/// Small files with a secret, read again for each use, so that a rotated one counts at once.
enum SecretFile {
    /// More is no secret of ours.
    private static let mostBytes: Int64 = 65_536

    /// The text in a file, without blanks and line ends around it.
    ///
    /// - Parameter what: What it is, for errors.
    static func text(_ path: String, _ what: String) throws(ExportFailure) -> String {
        let text = try contents(path, what).trimmingBlanks
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw ExportFailure(
                .credentials,
                "\(what) in \(path) is empty, or more than a line",
                remedy: "check what was written there"
            )
        }
        return text
    }

    /// All of a file.
    static func contents(_ path: String, _ what: String) throws(ExportFailure) -> String {
        do throws(FileError) {
            // What is mounted as a Secret is a link.
            let file = try PosixFileSystem().open(LinkedPath.resolved(path))
            return String(decoding: try file.read(at: 0, count: Int(min(try file.size(), mostBytes))), as: UTF8.self)
        } catch {
            throw ExportFailure(
                .credentials,
                "\(what) cannot be read: \(error)",
                remedy: "check the path and its permissions"
            )
        }
    }
}
