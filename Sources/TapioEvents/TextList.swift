import TapioBPF

/// What the parts of a list in a record are, and so how they become one text.
public enum TextList: Sendable, Hashable {
    /// Arguments, each ended by NUL: a command line that a shell would split again.
    case commandLine
    /// The names on the way up from a directory, the innermost first, each ended by NUL: its path. A last empty name says that
    /// they lead to the root; else the path begins with `…/`.
    case directory
    /// `tapio_ancestor`s, the parent first: `bash[812] < sshd[640] < systemd[1]`.
    case ancestry

    /// The text of a list.
    ///
    /// - Parameter list: the bytes of all parts; whatever they hold, there is a text.
    public func text(_ list: some RandomAccessCollection<UInt8>) -> [UInt8] {
        switch self {
        case .commandLine: RecordText.commandLine(list)
        case .directory: Self.directory(list)
        case .ancestry: Self.ancestry(list)
        }
    }

    private static func directory(_ list: some RandomAccessCollection<UInt8>) -> [UInt8] {
        var names = list.split(separator: 0, omittingEmptySubsequences: false)
        // What is behind the last NUL: nothing.
        names.removeLast()
        let isWhole = names.last?.isEmpty == true
        if isWhole { names.removeLast() }
        let path = names.reversed().reduce(into: [UInt8]()) { path, name in path += [UInt8(ascii: "/")] + name }
        return isWhole ? (path.isEmpty ? [UInt8(ascii: "/")] : path) : Array("…".utf8) + path
    }

    private static func ancestry(_ list: some RandomAccessCollection<UInt8>) -> [UInt8] {
        Array(ancestors(list).joined(separator: " < ".utf8))
    }

    /// The text of each of a list of `tapio_ancestor`s.
    public static func ancestors(_ list: some RandomAccessCollection<UInt8>) -> [[UInt8]] {
        let bytes = Array(list)
        let size = MemoryLayout<tapio_ancestor>.size
        return stride(from: 0, through: bytes.count - size, by: size).map { begin -> [UInt8] in
            let pid = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[begin + pidOffset + $1]) << UInt32(8 * $1) }
            let name = bytes[(begin + commOffset)..<(begin + commOffset + Int(TAPIO_COMM_BYTES))].prefix { $0 != 0 }
            return ancestor(name, pid: pid)
        }
    }

    /// A process in a chain of ancestors: `bash[812]`. Its name is quoted where it is no plain word, so that it cannot pass for
    /// a chain.
    public static func ancestor(_ name: some Collection<UInt8>, pid: UInt32) -> [UInt8] {
        RecordText.commandLine(Array(name) + [0]) + Array("[\(pid)]".utf8)
    }

    // Of records of this process's own layout: see RecordLayoutTests.
    private static let pidOffset = MemoryLayout<tapio_ancestor>.offset(of: \.pid)!
    private static let commOffset = MemoryLayout<tapio_ancestor>.offset(of: \.comm)!
}
