import TapioRings

/// How hard zstd tries.
enum CompressionEffort: Sendable {
    /// Not at all: for columns where a trial showed that it saves next to nothing.
    case none
    /// The level that was asked for.
    case usual
    /// At least level 2, which finds shorter repeats: for columns where a trial showed that it pays.
    case more
}

/// Writes pages: a header and one zstd frame each.
struct PageWriter: ~Copyable {
    /// All pages so far.
    private(set) var output: PieceWriter
    private var frame: ScratchBuffer<UInt8>
    private var header = ThriftCompactWriter()
    private let compressor: ZstdCompressor
    private let harderCompressor: ZstdCompressor
    /// Whether the time of compressing is taken: two system calls a page.
    var measuresCompression = false
    /// CPU time that compressing took while it was measured, ns.
    private(set) var compressionNs: UInt64 = 0

    init(level: Int32, memory: ScratchMemory) {
        output = PieceWriter(memory)
        frame = ScratchBuffer(memory)
        compressor = ZstdCompressor(level: level)
        harderCompressor = ZstdCompressor(level: max(level, 2))
    }

    /// What a page took.
    struct Size {
        var compressed = 0
        var uncompressed = 0

        static func + (left: Size, right: Size) -> Size {
            Size(compressed: left.compressed + right.compressed, uncompressed: left.uncompressed + right.uncompressed)
        }
    }

    mutating func removeAll() {
        output.removeAll(from: 0)
        frame.removeAll(keepingAtMost: 16 << 20)
    }

    /// Hands over all pages.
    mutating func finish() -> EncodedBytes {
        frame.giveBack()
        return output.finish()
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

    /// Forgets what was appended from `offset` on.
    mutating func removeAll(from offset: Int) {
        output.removeAll(from: offset)
    }

    /// Compresses `page` and appends it as a data page of `count` rows.
    mutating func appendData(
        _ page: borrowing ScratchBuffer<UInt8>,
        count: Int,
        encoding: PageEncoding,
        effort: CompressionEffort = .usual
    ) -> Size {
        append(page, type: 0, effort: effort) { header in
            header.beginStructure(5)
            header.int32(1, Int32(count))
            header.int32(2, encoding.rawValue)
            header.int32(3, PageEncoding.runLength.rawValue)
            header.int32(4, PageEncoding.runLength.rawValue)
            header.endStructure()
        }
    }

    /// Appends bytes that stand for a whole page, as an earlier call has made them.
    mutating func append(page: [UInt8]) { output.append(page) }

    /// Copies out what was appended from `offset` on.
    func bytes(from offset: Int) -> [UInt8] { output.copy(from: offset) }

    private mutating func append(
        _ page: borrowing ScratchBuffer<UInt8>,
        type: Int32,
        effort: CompressionEffort = .usual,
        details: (inout ThriftCompactWriter) -> Void
    ) -> Size {
        let begin = measuresCompression ? MonotonicClock.threadCPUNs : 0
        switch effort {
        case .none: ZstdStoredFrame.store(page, into: &frame)
        case .usual: compressor.compress(page, into: &frame)
        case .more: harderCompressor.compress(page, into: &frame)
        }
        if measuresCompression { compressionNs += MonotonicClock.threadCPUNs - begin }
        header.reset()
        header.int32(1, type)
        header.int32(2, Int32(page.count))
        header.int32(3, Int32(frame.count))
        details(&header)
        let headerBytes = header.finish()
        output.append(headerBytes)
        unsafe output.append(copying: UnsafeRawBufferPointer(frame.elements))
        return Size(compressed: headerBytes.count + frame.count, uncompressed: headerBytes.count + page.count)
    }
}
