/// The sealed segments' facts in one small file, so that not every segment is opened at each start. Only a cache: what it
/// doesn't know is read from the segments, and where it is damaged it counts for nothing.
///
/// Text, tab-separated: a first line with the version; a line per segment with path, bytes, row groups, rows, first and last
/// time (UTC ns), recovered (0 or 1), then per kind `number:rows:weight's bits, hexadecimal:name`; a last line with the
/// number of segments and the xxh64 of all before. Bytes of names that would disturb stand as `%XX`.
///
/// Its name begins with a dot, so that readers that take all files of a directory (pyarrow, Spark) pass over it.
enum Catalogue {
    static let fileName = ".catalogue.tsv"
    private static let firstLine = "tapio-catalogue\t1"

    /// Entries by path, or nil if there is no usable catalogue.
    static func load(_ directory: String, fileSystem: any FileSystem) -> [String: SegmentFacts]? {
        guard let file = try? fileSystem.open("\(directory)/\(fileName)"), let size = try? file.size(),
            size <= 256 << 20, let bytes = try? file.readExactly(at: 0, count: Int(size))
        else { return nil }
        return decode(bytes)
    }

    /// Replaces the catalogue in one step.
    static func save(_ segments: [SegmentFacts], _ directory: String, fileSystem: any FileSystem) throws(FileError) {
        let temporary = "\(directory)/\(fileName).tmp"
        if try fileSystem.facts(of: temporary) != nil { try fileSystem.remove(temporary) }
        let file = try fileSystem.create(temporary)
        var written = 0
        do throws(FileError) {
            try file.writeAll([.array(encode(segments))], at: 0, written: &written)
            try fileSystem.rename(temporary, to: "\(directory)/\(fileName)")
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    static func encode(_ segments: [SegmentFacts]) -> [UInt8] {
        var text = firstLine + "\n"
        for segment in segments {
            var fields = [escaped(segment.relativePath)]
            fields.append(String(segment.bytes))
            fields.append(String(segment.totals.groups))
            fields.append(String(segment.totals.rows))
            fields.append(segment.totals.minTimestampNs.map { String($0) } ?? "-")
            fields.append(segment.totals.maxTimestampNs.map { String($0) } ?? "-")
            fields.append(segment.isRecovered ? "1" : "0")
            for kind in segment.totals.kinds {
                let weight = String(kind.weight.bitPattern, radix: 16)
                fields.append("\(kind.kind):\(kind.rows):\(weight):\(escaped(kind.name))")
            }
            text += fields.joined(separator: "\t") + "\n"
        }
        let check = String(XXHash64.hash(Array(text.utf8)), radix: 16)
        return Array((text + "end\t\(segments.count)\t\(check)\n").utf8)
    }

    static func decode(_ bytes: [UInt8]) -> [String: SegmentFacts]? {
        let newline = UInt8(ascii: "\n")
        guard bytes.last == newline, let cut = bytes.dropLast().lastIndex(of: newline) else { return nil }
        let last = String(decoding: bytes[(cut + 1)...].dropLast(), as: UTF8.self).split(separator: "\t")
        guard last.count == 3, last[0] == "end", let count = Int(last[1]), let check = UInt64(last[2], radix: 16),
            check == XXHash64.hash(Array(bytes[...cut]))
        else { return nil }
        let lines = String(decoding: bytes[..<cut], as: UTF8.self).split(separator: "\n")
        guard lines.first.map(String.init) == firstLine, lines.count == count + 1 else { return nil }
        var segments: [String: SegmentFacts] = [:]
        for line in lines.dropFirst() {
            guard let segment = decode(line) else { return nil }
            segments[segment.relativePath] = segment
        }
        return segments
    }

    private static func decode(_ line: Substring) -> SegmentFacts? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count >= 7, let path = unescaped(fields[0]),
            let parsed = SegmentName.parse(FilePath.name(of: path)), parsed.role == .sealed,
            let bytes = Int64(fields[1]), let groups = Int(fields[2]), let rows = Int64(fields[3])
        else { return nil }
        var totals = SegmentTotals()
        totals.groups = groups
        totals.rows = rows
        totals.minTimestampNs = Int64(fields[4])
        totals.maxTimestampNs = Int64(fields[5])
        for field in fields[7...] {
            let parts = field.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
            guard parts.count == 4, let kind = UInt8(parts[0]), let rows = Int(parts[1]),
                let weight = UInt64(parts[2], radix: 16), let name = unescaped(parts[3])
            else { return nil }
            totals.kinds.append(KindTotal(kind: kind, name: name, rows: rows, weight: Double(bitPattern: weight)))
        }
        return SegmentFacts(
            name: parsed.name,
            relativePath: path,
            bytes: bytes,
            totals: totals,
            isRecovered: fields[6] == "1"
        )
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "%") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }

    private static func unescaped(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(Substring(rest.prefix(2)), radix: 16), rest.count >= 2 else { return nil }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension SegmentFacts {
    /// Reads a sealed segment's facts from its frames, without its row groups; nil if it is not one of ours.
    init?(name: SegmentName, relativePath: String, in directory: String, fileSystem: any FileSystem) {
        guard let file = try? fileSystem.open("\(directory)/\(relativePath)"),
            let scan = try? FrameScanner.scan(file, depth: .facts), scan.isOurs
        else { return nil }
        var totals = SegmentTotals()
        for group in scan.groups { totals.add(group) }
        self.init(
            name: name,
            relativePath: relativePath,
            bytes: scan.fileSize,
            totals: totals,
            isRecovered: scan.prologue?[SegmentKey.recovered] == "true"
        )
    }
}
