import TapioBPF

/// How bytes of a record become text: the same in the archive, in JSON and on a terminal.
public enum RecordText {
    /// The name of a number that indexes `names`; the number itself where there is none.
    public static func code(_ number: UInt32, _ names: [String]) -> String {
        let index = Int(number)
        return index < names.count && !names[index].isEmpty ? names[index] : String(number)
    }

    /// The names of the bits that are set, lowest first, with commas between; a bit without a name by its number.
    public static func bits(_ set: UInt64, _ names: [String]) -> String {
        (0..<64).filter { set >> UInt64($0) & 1 != 0 }.map { bit in
            bit < names.count && !names[bit].isEmpty ? names[bit] : String(bit)
        }.joined(separator: ",")
    }

    /// The command line that a POSIX shell would split into the same arguments again.
    ///
    /// - Parameter arguments: arguments each ended by NUL; the last may be cut, and then has none.
    /// - Returns: the arguments with a space between; those that a shell would read otherwise in single quotes.
    public static func commandLine(_ arguments: some Collection<UInt8>) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(arguments.count + 16)
        var argument: [UInt8] = []
        func flush(into line: inout [UInt8], first: Bool) {
            if !first { line.append(UInt8(ascii: " ")) }
            if !argument.isEmpty && argument.allSatisfy(isPlain) {
                line += argument
                return
            }
            line.append(quote)
            for byte in argument {
                if byte == quote { line += [quote, UInt8(ascii: "\\"), quote, quote] } else { line.append(byte) }
            }
            line.append(quote)
        }
        var isFirst = true
        for byte in arguments {
            if byte != 0 {
                argument.append(byte)
                continue
            }
            flush(into: &line, first: isFirst)
            isFirst = false
            argument.removeAll(keepingCapacity: true)
        }
        if !argument.isEmpty { flush(into: &line, first: isFirst) }
        return line
    }

    private static let quote = UInt8(ascii: "'")

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "/"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"),
            UInt8(ascii: "%"), UInt8(ascii: "+"), 0x80...:
            true
        default: false
        }
    }

    /// The usual text of an address: dotted IPv4 for a mapped one, else IPv6 as RFC 5952 asks.
    ///
    /// - Precondition: `address` has 16 bytes.
    public static func ipAddress(_ address: some RandomAccessCollection<UInt8>) -> [UInt8] {
        precondition(address.count == 16)
        let bytes = Array(address)
        if bytes[..<10].allSatisfy({ $0 == 0 }) && bytes[10] == 0xff && bytes[11] == 0xff {
            return Array(bytes[12...].map { String($0) }.joined(separator: ".").utf8)
        }
        let groups = (0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) }
        // The longest run of two or more zero groups is shortened, the first of equals.
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8 && groups[end] == 0 { end += 1 }
            if end - index > max(best.count, 1) { best = index..<end }
            index = max(end, index + 1)
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return Array(text(0..<8).utf8) }
        return Array((text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)).utf8)
    }

    /// Sixteen hexadecimal digits.
    public static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// How many events a record stands for. 0 for ledger rows, whose `keep` is 0.
    public static func weight(keep: UInt32) -> Double {
        keep == 0 ? 0 : Double(1 << 30) / Double(keep)
    }
}
