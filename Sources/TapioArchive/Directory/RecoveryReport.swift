/// What was found when an archive was opened after a crash, and what became of it. The caller writes the gap from it.
public struct RecoveryReport: Sendable, Hashable {
    /// What became of a file that was left behind.
    public enum Outcome: Sendable, Hashable {
        /// Its whole row groups are in a sealed segment now.
        case saved(path: String)
        /// It held no rows and is gone.
        case removedEmpty
        /// A sealed segment already held all of it; a crash came before it could be removed.
        case alreadySealed
        /// Nothing could be saved; it is kept under this name.
        case setAside(path: String)
        /// It has a name like ours but is not ours; untouched.
        case leftAlone
        /// It could not be dealt with and is tried again at the next start.
        case failed(FileError)
    }

    /// A file that was left behind.
    public struct Orphan: Sendable, Hashable {
        /// What it was called.
        public let path: String
        /// What became of it.
        public let outcome: Outcome
        /// Rows saved.
        public let rowsRecovered: Int64
        /// Rows that were written to it in part.
        public let rowsLost: Int64
        /// False where more rows may be lost than are known of.
        public let isRowsLostExact: Bool
        /// Bytes that belong to no whole row group.
        public let bytesLost: Int64
        /// Time of the last event saved, UTC nanoseconds: the gap starts here.
        public let lastTimestampNs: Int64?
        /// Where the damaged original is kept, if part of it could not be saved from its middle.
        public let corruptPath: String?
    }

    /// Files that were left behind, oldest first.
    public internal(set) var orphans: [Orphan] = []
    /// When recovery ended, UTC nanoseconds: the gap ends here.
    public internal(set) var recoveredAtNs: Int64 = 0
    /// Whether the catalogue had to be made anew.
    public internal(set) var isCatalogueRebuilt = false
    /// Files in the archive's directory that are not ours, as paths from the node's directory on.
    public internal(set) var foreign: [String] = []

    /// Whether the process that wrote last never closed the archive.
    public internal(set) var wasNeverClosed = false

    /// Nothing was left behind: the last shutdown was a clean one.
    public var wasClean: Bool { orphans.isEmpty && !wasNeverClosed }
    /// Rows saved from all files.
    public var rowsRecovered: Int64 { orphans.reduce(0) { $0 + $1.rowsRecovered } }
    /// Bytes lost of all files.
    public var bytesLost: Int64 { orphans.reduce(0) { $0 + $1.bytesLost } }
    /// Time of the last event saved, UTC nanoseconds.
    public var lastTimestampNs: Int64? { orphans.compactMap(\.lastTimestampNs).max() }
}
