import Glibc

/// Why a generator could not do what it was told.
public struct GeneratorError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What, why, and what to do.
    public let description: String

    init(_ what: String, errno code: Int32? = nil) {
        let reason = code.map { ": \(unsafe String(cString: strerror($0))) (errno \($0))" } ?? ""
        description = "benchmark: \(what)\(reason)"
    }
}
