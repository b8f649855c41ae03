import TapioRings

/// A zstd frame (RFC 8878) whose blocks hold the content as it is: for pages that zstd would go through in vain. Every reader
/// of zstd reads it, and checks its content like that of any other.
enum ZstdStoredFrame {
    /// The most that a block may hold.
    private static let blockBytes = 128 << 10
    private static let magic: UInt32 = 0xFD2F_B528
    /// Content size in four bytes, one segment, content checksum.
    private static let descriptor: UInt8 = 0b1010_0100

    /// Bytes of the frame around `count` bytes.
    static func byteCount(of count: Int) -> Int {
        4 + 1 + 4 + max(1, (count + blockBytes - 1) / blockBytes) * 3 + count + 4
    }

    /// Replaces what is in `frame` by the frame around `content`, which has less than 4 GiB.
    static func store(_ content: borrowing ScratchBuffer<UInt8>, into frame: inout ScratchBuffer<UInt8>) {
        precondition(content.count <= Int(UInt32.max), "a page of \(content.count) bytes")
        frame.removeAll()
        frame.reserve(byteCount(of: content.count))
        frame.append(littleEndian: magic)
        frame.append(descriptor)
        frame.append(littleEndian: UInt32(content.count))
        var start = 0
        repeat {
            let end = min(start + blockBytes, content.count)
            let header = UInt32(end - start) << 3 | (end == content.count ? 1 : 0)
            for shift in [0, 8, 16] as [UInt32] { frame.append(UInt8(truncatingIfNeeded: header >> shift)) }
            unsafe frame.append(copying: content.elements.extracting(start..<end))
            start = end
        } while start < content.count
        let checksum = unsafe XXHash64.hash(UnsafeRawBufferPointer(content.elements))
        frame.append(littleEndian: UInt32(truncatingIfNeeded: checksum))
    }
}
