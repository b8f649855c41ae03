import Glibc
import TapioEvents

/// The reader of standard output went away (`| head`): the command ends without a word.
struct OutputClosed: Error {}

/// Standard output, buffered: by line on a terminal, in blocks elsewhere. Of one task.
final class Output {
    /// Bytes that are collected before they are written.
    private static let blockBytes = 65_536

    private let isLineBuffered: Bool
    private var pending: [UInt8] = []

    /// - Parameter isLive: each line is written at once, whoever reads.
    init(isLive: Bool = false) {
        isLineBuffered = isLive || isatty(STDOUT_FILENO) == 1
    }

    deinit {
        try? flush()
    }

    /// Writes text and a line feed.
    func line(_ text: String = "") throws {
        pending += text.utf8
        try endLine()
    }

    /// Writes bytes and a line feed.
    func line(_ bytes: some Sequence<UInt8>) throws {
        pending += bytes
        try endLine()
    }

    /// Writes text as it is.
    func text(_ text: String) throws {
        pending += text.utf8
        if isLineBuffered || pending.count >= Output.blockBytes { try flush() }
    }

    /// Writes bytes as they are.
    func bytes(_ bytes: [UInt8]) throws {
        pending += bytes
        if pending.count >= Output.blockBytes { try flush() }
    }

    /// Writes what is collected.
    func flush() throws {
        defer { pending.removeAll(keepingCapacity: true) }
        var written = 0
        while written < pending.count {
            let result = unsafe pending.withUnsafeBytes {
                unsafe write(STDOUT_FILENO, $0.baseAddress! + written, pending.count - written)
            }
            if result >= 0 {
                written += result
            } else if errno == EPIPE {
                throw OutputClosed()
            } else if errno != EINTR {
                let reason = unsafe String(cString: strerror(errno))
                throw CommandFailure(.failed, "cannot write to standard output: \(reason)")
            }
        }
    }

    private func endLine() throws {
        pending.append(UInt8(ascii: "\n"))
        if isLineBuffered || pending.count >= Output.blockBytes { try flush() }
    }
}

/// Standard error: errors, warnings and progress.
enum StandardError {
    static func line(_ text: String) {
        write(text + "\n")
    }

    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        // Nobody is left to tell if this fails.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
    }

    /// What the person should know although the command goes on.
    static func warning(_ text: String) {
        line("tapio: warning: \(text)")
    }
}

extension TerminalText {
    /// Each line of a text, escaped.
    static func escapeLines(_ text: String) -> [String] {
        text.split(separator: "\n").map { escape(String($0)) }
    }
}
