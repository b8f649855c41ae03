/// A segment's file name: `<start UTC µs>-<boot id, 8>-<sequence>`, with `-r<n>` behind it for a repaired copy.
public struct SegmentName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// What a name's ending says about the file.
    public enum Role: String, Sendable, Hashable, CaseIterable {
        /// Complete, and never changed again.
        case sealed = ".parquet"
        /// Being written, or left behind by a crash.
        case open = ".parquet.part"
        /// A copy that was not finished.
        case temporary = ".parquet.tmp"
        /// Not readable as a whole; kept for a person to look at.
        case corrupt = ".corrupt"
        /// Keeps the sealed segment of the same name from being deleted.
        case pin = ".parquet.pin"
    }

    /// First event's time when the file was opened, UTC microseconds since 1970.
    public let startMicros: Int64
    /// First eight characters of the boot id: lower-case hexadecimal.
    public let bootID: String
    /// Counts the node's segments.
    public let sequence: UInt64
    /// 0 for an original, else the number of the repaired copy.
    public let repair: Int

    /// Makes a name. Of `bootID`, the first eight hexadecimal digits count; missing ones become zeros.
    public init(startMicros: Int64, bootID: String, sequence: UInt64, repair: Int = 0) {
        self.startMicros = max(0, startMicros)
        let digits = bootID.lowercased().filter { $0.isASCII && $0.isHexDigit }.prefix(8)
        self.bootID = digits + String(repeating: "0", count: 8 - digits.count)
        self.sequence = sequence
        self.repair = repair
    }

    /// The name without an ending.
    public var description: String {
        let number = String(sequence)
        let padded = String(repeating: "0", count: max(0, 6 - number.count)) + number
        return "\(startMicros)-\(bootID)-\(padded)" + (repair > 0 ? "-r\(repair)" : "")
    }

    /// The name of which this one is a repaired or merged copy; itself where it is none.
    var original: SegmentName { SegmentName(startMicros: startMicros, bootID: bootID, sequence: sequence) }

    /// The name of the next repaired or merged copy.
    var repaired: SegmentName {
        SegmentName(startMicros: startMicros, bootID: bootID, sequence: sequence, repair: repair + 1)
    }

    /// The file's name in a role.
    public func fileName(_ role: Role) -> String { description + role.rawValue }

    /// Oldest first.
    public static func < (left: Self, right: Self) -> Bool {
        (left.startMicros, left.sequence, left.repair, left.bootID)
            < (right.startMicros, right.sequence, right.repair, right.bootID)
    }

    /// Takes a file's name apart, or returns nil if it is not one of ours.
    public static func parse(_ fileName: String) -> (name: SegmentName, role: Role)? {
        guard let dot = fileName.firstIndex(of: ".") else { return nil }
        let ending = fileName[dot...]
        // A damaged file keeps its former ending, so that one sees what it was: `….parquet.part.corrupt`.
        let role = ending.hasSuffix(Role.corrupt.rawValue) ? Role.corrupt : Role(rawValue: String(ending))
        let parts = fileName[..<dot].split(separator: "-", omittingEmptySubsequences: false)
        guard let role, parts.count == 3 || parts.count == 4, let start = Int64(parts[0]), start >= 0,
            parts[1].count == 8, parts[1].allSatisfy({ $0.isASCII && $0.isHexDigit && !$0.isUppercase }),
            let sequence = UInt64(parts[2])
        else { return nil }
        var repair = 0
        if parts.count == 4 {
            guard parts[3].first == "r", let number = Int(parts[3].dropFirst()), (1...1_000_000).contains(number)
            else { return nil }
            repair = number
        }
        return (SegmentName(startMicros: start, bootID: String(parts[1]), sequence: sequence, repair: repair), role)
    }
}
