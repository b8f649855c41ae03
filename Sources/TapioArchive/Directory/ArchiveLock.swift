import Glibc

/// Makes sure that one process writes to a node's archive. Held until the last reference goes; the kernel releases it when
/// the process ends, however it ends.
public final class ArchiveLock: Sendable {
    /// The lock file: `<root>/node=N/.lock`.
    public let path: String
    private let token: any AnyObject & Sendable

    /// Takes the lock or says who has it.
    public init(directory: String, fileSystem: any FileSystem) throws(ArchiveOpenError) {
        path = directory + "/.lock"
        let outcome: FileLockOutcome
        do throws(FileError) {
            outcome = try fileSystem.lock(path, contents: "\(getpid())\n")
        } catch {
            throw .file(error)
        }
        switch outcome {
        case .taken(let token): self.token = token
        case .held(let contents):
            let digits = contents.prefix { $0.isNumber }
            throw .locked(path: path, pid: Int32(digits))
        }
    }
}
