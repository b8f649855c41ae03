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

    /// Replaces the catalogue in one step. Damaged segments are not in it, so that everyone who looks finds them damaged.
    static func save(_ segments: [SegmentFacts], _ directory: String, fileSystem: any FileSystem) throws(FileError) {
        let temporary = "\(directory)/\(fileName).tmp"
        if try fileSystem.facts(of: temporary) != nil { try fileSystem.remove(temporary) }
        let file = try fileSystem.create(temporary)
        var written = 0
        do throws(FileError) {
            try file.writeAll([.array(encode(segments.filter { !$0.isDamaged }))], at: 0, written: &written)
            try fileSystem.rename(temporary, to: "\(directory)/\(fileName)")
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    /// Bytes, not a text that grows: it is all written again with each segment that is sealed, also where there are thousands.
    static func encode(_ segments: [SegmentFacts]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 * (segments.count + 1))
        bytes += firstLine.utf8
        bytes.append(UInt8(ascii: "\n"))
        func put(_ text: String, after separator: Unicode.Scalar) {
            bytes.append(UInt8(ascii: separator))
            bytes += text.utf8
        }
        for segment in segments {
            putEscaped(segment.relativePath, in: &bytes)
            put(String(segment.bytes), after: "\t")
            put(String(segment.totals.groups), after: "\t")
            put(String(segment.totals.rows), after: "\t")
            put(segment.totals.minTimestampNs.map { String($0) } ?? "-", after: "\t")
            put(segment.totals.maxTimestampNs.map { String($0) } ?? "-", after: "\t")
            put(segment.isRecovered ? "1" : "0", after: "\t")
            for kind in segment.totals.kinds {
                put(String(kind.kind), after: "\t")
                put(String(kind.rows), after: ":")
                put(String(kind.weight.bitPattern, radix: 16), after: ":")
                bytes.append(UInt8(ascii: ":"))
                putEscaped(kind.name, in: &bytes)
            }
            bytes.append(UInt8(ascii: "\n"))
        }
        let check = String(XXHash64.hash(bytes), radix: 16)
        bytes += "end\t\(segments.count)\t\(check)\n".utf8
        return bytes
    }

    static func decode(_ bytes: [UInt8]) -> [String: SegmentFacts]? {
        CatalogueDecoder.decode(bytes, firstLine: firstLine)
    }

    private static func putEscaped(_ text: String, in bytes: inout [UInt8]) {
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] {
                    bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
                }
            }
        }
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
            isRecovered: scan.prologue?[SegmentKey.recovered] == "true",
            isDamaged: !scan.isSealed
        )
    }
}
