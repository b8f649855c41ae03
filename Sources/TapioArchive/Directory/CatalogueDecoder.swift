/// Reads a catalogue's text from its bytes: one of 10,000 segments has megabytes, and every command that lists an archive
/// begins with it.
struct CatalogueDecoder {
    private static let newline = UInt8(ascii: "\n")

    /// The segments by path, or nil where the text is not a whole catalogue.
    static func decode(_ bytes: [UInt8], firstLine: String) -> [String: SegmentFacts]? {
        guard bytes.last == newline, let cut = bytes.dropLast().lastIndex(of: newline) else { return nil }
        let last = split(bytes[(cut + 1)...].dropLast(), at: UInt8(ascii: "\t"))
        guard last.count == 3, last[0].elementsEqual("end".utf8), let count = decimal(last[1]),
            let check = hexadecimal(last[2]), check == XXHash64.hash(Array(bytes[...cut]))
        else { return nil }
        var rest = bytes[..<cut]
        guard takeLine(&rest).elementsEqual(firstLine.utf8) else { return nil }
        var segments: [String: SegmentFacts] = [:]
        segments.reserveCapacity(Int(clamping: min(count, Int64(bytes.count))))
        var lines: Int64 = 0
        while !rest.isEmpty {
            guard let segment = segment(takeLine(&rest)) else { return nil }
            segments[segment.relativePath] = segment
            lines += 1
        }
        return lines == count ? segments : nil
    }

    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let end = rest.firstIndex(of: newline) ?? rest.endIndex
        defer { rest = rest[min(end + 1, rest.endIndex)...] }
        return rest[..<end]
    }

    /// Numbers of bytes, row groups and rows that a segment can have; sums of them can be taken.
    private static let possible: ClosedRange<Int64> = 0...1 << 40

    private static func segment(_ line: ArraySlice<UInt8>) -> SegmentFacts? {
        let fields = split(line, at: UInt8(ascii: "\t"))
        guard fields.count >= 7, let path = text(fields[0]),
            let parsed = SegmentName.parse(FilePath.name(of: path)), parsed.role == .sealed,
            let bytes = decimal(fields[1]), let groups = decimal(fields[2]), let rows = decimal(fields[3]),
            [bytes, groups, rows].allSatisfy(possible.contains)
        else { return nil }
        var totals = SegmentTotals()
        totals.groups = Int(groups)
        totals.rows = rows
        totals.minTimestampNs = decimal(fields[4])
        totals.maxTimestampNs = decimal(fields[5])
        totals.kinds.reserveCapacity(fields.count - 7)
        for field in fields[7...] {
            guard let kind = kind(field) else { return nil }
            totals.kinds.append(kind)
        }
        return SegmentFacts(
            name: parsed.name,
            relativePath: path,
            bytes: bytes,
            totals: totals,
            isRecovered: fields[6].elementsEqual("1".utf8)
        )
    }

    /// `number:rows:weight's bits:name`.
    private static func kind(_ field: ArraySlice<UInt8>) -> KindTotal? {
        let parts = split(field, at: UInt8(ascii: ":"), atMost: 4)
        guard parts.count == 4, let kind = decimal(parts[0]).flatMap({ UInt8(exactly: $0) }),
            let rows = decimal(parts[1]), let weight = hexadecimal(parts[2]), let name = text(parts[3]),
            possible.contains(rows)
        else { return nil }
        return KindTotal(kind: kind, name: name, rows: Int(rows), weight: Double(bitPattern: weight))
    }

    /// The parts between separators, empty ones too; the last holds what is left.
    private static func split(
        _ bytes: ArraySlice<UInt8>,
        at separator: UInt8,
        atMost count: Int = .max
    ) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        for place in bytes.indices where bytes[place] == separator && parts.count + 1 < count {
            parts.append(bytes[start..<place])
            start = place + 1
        }
        parts.append(bytes[start...])
        return parts
    }

    /// Digits, with a minus sign before them perhaps; nil for anything else and for what 64 bits don't hold.
    private static func decimal(_ bytes: ArraySlice<UInt8>) -> Int64? {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let digits = isNegative ? bytes.dropFirst() : bytes
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            let (tens, isTooMuch) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = tens.addingReportingOverflow(isNegative ? -digit : digit)
            guard !isTooMuch, !isOver else { return nil }
            value = sum
        }
        return value
    }

    private static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        guard (1...16).contains(bytes.count) else { return nil }
        var value: UInt64 = 0
        for byte in bytes {
            guard let digit = hexadecimalDigit(byte) else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A name whose disturbing bytes stand as `%XX`.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        guard bytes.contains(UInt8(ascii: "%")) else { return String(decoding: bytes, as: UTF8.self) }
        var plain: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                plain.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ hexadecimalDigit($0) }),
                let low = rest.popFirst().flatMap({ hexadecimalDigit($0) })
            else { return nil }
            plain.append(high << 4 | low)
        }
        return String(decoding: plain, as: UTF8.self)
    }
}
