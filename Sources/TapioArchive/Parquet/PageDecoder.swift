/// Decodes what a page holds. Every count is checked against the page before memory is taken for it.
enum PageDecoder {
    /// PLAIN numbers of 4 or 8 bytes, which must fill the page.
    static func plain(_ page: DecodedPage, from start: Int, count: Int, size: Int) throws(ParquetError) -> [Int64] {
        guard page.count - start == count * size else {
            throw ParquetError(.malformed, "\(page.count - start) bytes are not \(count) values of \(size)")
        }
        let bytes = unsafe page.bytes.span.bytes
        // The standard library writes into the one array that all empty ones share, which a sanitizer takes for a race.
        if count == 0 { return [] }
        return unsafe [Int64](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<count {
                let offset = start + index * size
                // In bounds: the guard above.
                if size == 4 {
                    let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    unsafe buffer[index] = Int64(Int32(bitPattern: UInt32(littleEndian: value)))
                } else {
                    let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Int64.self)
                    unsafe buffer[index] = Int64(littleEndian: value)
                }
            }
            initialized = count
        }
    }

    /// Dictionary indices, each below `entryCount`, which must fill the page.
    static func indices(
        _ page: DecodedPage,
        from start: Int,
        count: Int,
        entryCount: Int
    ) throws(ParquetError) -> [UInt32] {
        var indices: [UInt32] = []
        guard count > 0 else { return indices }
        guard start < page.count else { throw ParquetError(.malformed, "dictionary indices are missing") }
        let width = Int(page.bytes[start])
        guard width <= 32 else { throw ParquetError(.malformed, "dictionary indices of \(width) bits") }
        indices.reserveCapacity(count)
        var largest: UInt64 = 0
        var position = start + 1
        while indices.count < count {
            let run = try nextRun(page, at: &position, end: page.count, width: width)
            let length = min(run.count, count - indices.count)
            switch run {
            case .repeated(let value, _):
                largest = max(largest, value)
                indices.append(contentsOf: repeatElement(UInt32(truncatingIfNeeded: value), count: length))
            case .packed(let offset, _):
                try BitUnpacking.unpack(page, start: offset, count: length, width: width) {
                    (value) throws(ParquetError) in
                    largest = max(largest, value)
                    indices.append(UInt32(truncatingIfNeeded: value))
                }
            }
        }
        guard largest < UInt64(entryCount) else {
            throw ParquetError(.malformed, "dictionary entry \(largest) of \(entryCount)")
        }
        guard position == page.count else { throw ParquetError(.malformed, "bytes behind the dictionary indices") }
        return indices
    }

    /// Definition levels of `count` rows into a bitmap; how many are set, and where the values start.
    static func levels(
        _ page: DecodedPage,
        count: Int,
        into bitmap: inout [UInt64],
        at row: Int
    ) throws(ParquetError) -> (present: Int, end: Int) {
        guard page.count >= 4 else { throw ParquetError(.malformed, "definition levels are missing") }
        let length = Int(page.uint32(at: 0))
        guard length <= page.count - 4 else { throw ParquetError(.malformed, "definition levels are cut short") }
        let end = 4 + length
        var position = 4
        var done = 0
        var present = 0
        while done < count {
            let run = try nextRun(page, at: &position, end: end, width: 1)
            let length = min(run.count, count - done)
            switch run {
            case .repeated(let value, _):
                guard value <= 1 else { throw ParquetError(.malformed, "definition level \(value)") }
                if value == 1 {
                    ColumnChunkReader.setBits(&bitmap, from: row + done, count: length)
                    present += length
                }
            case .packed(let offset, _):
                present += BitUnpacking.copyBits(page, start: offset, count: length, into: &bitmap, at: row + done)
            }
            done += length
        }
        guard position == end else { throw ParquetError(.malformed, "bytes behind the definition levels") }
        return (present, end)
    }

    /// DELTA_BINARY_PACKED numbers, which must fill the page.
    static func deltas(_ page: DecodedPage, from start: Int, count: Int) throws(ParquetError) -> [Int64] {
        guard count > 0 || start < page.count else { return [] }
        var position = start
        let blockSize = try page.varint(at: &position, end: page.count)
        let miniblocks = try page.varint(at: &position, end: page.count)
        let total = try page.varint(at: &position, end: page.count)
        var value = try page.zigzag(at: &position, end: page.count)
        guard blockSize > 0, blockSize <= 1 << 16, blockSize % 128 == 0, miniblocks > 0,
            blockSize % miniblocks == 0, (blockSize / miniblocks) % 32 == 0
        else {
            throw ParquetError(.malformed, "blocks of \(blockSize) in \(miniblocks)")
        }
        guard total == UInt64(count) else { throw ParquetError(.malformed, "\(total) differences for \(count) values") }
        let size = Int(blockSize / miniblocks)
        var values: [Int64] = []
        values.reserveCapacity(count)
        if count > 0 { values.append(value) }
        while values.count < count {
            let smallest = try page.zigzag(at: &position, end: page.count)
            let widths = position
            guard Int(miniblocks) <= page.count - position else {
                throw ParquetError(.malformed, "a block of differences is cut short")
            }
            position += Int(miniblocks)
            for miniblock in 0..<Int(miniblocks) where values.count < count {
                let width = Int(page.bytes[widths + miniblock])
                guard width <= 64, size * width / 8 <= page.count - position else {
                    throw ParquetError(.malformed, "a block of differences is cut short")
                }
                let length = min(size, count - values.count)
                try BitUnpacking.unpack(page, start: position, count: length, width: width) {
                    (delta) throws(ParquetError) in
                    value = value &+ smallest &+ Int64(bitPattern: delta)
                    values.append(value)
                }
                position += size * width / 8
            }
        }
        guard position == page.count else { throw ParquetError(.malformed, "bytes behind the differences") }
        return values
    }

    private enum Run {
        case repeated(UInt64, count: Int)
        case packed(offset: Int, count: Int)

        var count: Int {
            switch self {
            case .repeated(_, let count), .packed(_, let count): count
            }
        }
    }

    /// The next run of a hybrid; its bytes are inside the page.
    private static func nextRun(
        _ page: DecodedPage,
        at position: inout Int,
        end: Int,
        width: Int
    ) throws(ParquetError) -> Run {
        let header = try page.varint(at: &position, end: end)
        guard header >> 1 > 0, header >> 1 <= UInt64(ReaderLimit.rows) else {
            throw ParquetError(.malformed, "run of \(header >> 1)")
        }
        let length = Int(header >> 1)
        if header & 1 == 1 {
            guard length * width <= end - position else { throw ParquetError(.malformed, "a run is cut short") }
            defer { position += length * width }
            return .packed(offset: position, count: length * 8)
        }
        let bytes = (width + 7) / 8
        guard bytes <= end - position else { throw ParquetError(.malformed, "a run is cut short") }
        var value: UInt64 = 0
        for index in 0..<bytes { value |= UInt64(page.bytes[position + index]) << UInt64(index * 8) }
        position += bytes
        return .repeated(value, count: length)
    }
}
