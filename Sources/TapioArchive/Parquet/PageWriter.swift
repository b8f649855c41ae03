/// Writes pages: a header and one zstd frame each.
struct PageWriter: ~Copyable {
    /// All pages so far.
    private(set) var output = ScratchBuffer<UInt8>(capacity: 1 << 20)
    private var frame = ScratchBuffer<UInt8>(capacity: 64 * 1024)
    private var header = ThriftCompactWriter()
    private let compressor: ZstdCompressor

    init(level: Int32) { compressor = ZstdCompressor(level: level) }

    /// What a page took.
    struct Size {
        var compressed = 0
        var uncompressed = 0

        static func + (left: Size, right: Size) -> Size {
            Size(compressed: left.compressed + right.compressed, uncompressed: left.uncompressed + right.uncompressed)
        }
    }

    mutating func removeAll() {
        output.removeAll(keepingAtMost: 64 << 20)
        frame.removeAll(keepingAtMost: 16 << 20)
    }

    /// Compresses `page` and appends it as a dictionary page of `count` entries.
    mutating func appendDictionary(_ page: borrowing ScratchBuffer<UInt8>, count: Int) -> Size {
        append(page, type: 2) { header in
            header.beginStructure(7)
            header.int32(1, Int32(count))
            header.int32(2, PageEncoding.plain.rawValue)
            header.endStructure()
        }
    }

    /// Compresses `page` and appends it as a data page of `count` rows.
    mutating func appendData(_ page: borrowing ScratchBuffer<UInt8>, count: Int, encoding: PageEncoding) -> Size {
        append(page, type: 0) { header in
            header.beginStructure(5)
            header.int32(1, Int32(count))
            header.int32(2, encoding.rawValue)
            header.int32(3, PageEncoding.runLength.rawValue)
            header.int32(4, PageEncoding.runLength.rawValue)
            header.endStructure()
        }
    }

    /// Appends bytes that stand for a whole page, as an earlier call has made them.
    mutating func append(page: [UInt8]) { output.append(bytes: page) }

    /// Copies out what was appended from `offset` on.
    func bytes(from offset: Int) -> [UInt8] { unsafe Array(output.elements.extracting(offset..<output.count)) }

    private mutating func append(
        _ page: borrowing ScratchBuffer<UInt8>,
        type: Int32,
        details: (inout ThriftCompactWriter) -> Void
    ) -> Size {
        compressor.compress(page, into: &frame)
        header.reset()
        header.int32(1, type)
        header.int32(2, Int32(page.count))
        header.int32(3, Int32(frame.count))
        details(&header)
        let headerBytes = header.finish()
        output.append(bytes: headerBytes)
        unsafe output.append(copying: frame.elements)
        return Size(compressed: headerBytes.count + frame.count, uncompressed: headerBytes.count + page.count)
    }
}
