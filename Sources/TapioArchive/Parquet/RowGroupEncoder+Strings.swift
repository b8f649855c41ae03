import TapioRings

/// Memory for a string column, kept between groups.
struct TextColumnScratch: ~Copyable {
    /// Per entry of the caller's dictionary: its place in this column's, or `.max`. All `.max` between columns.
    var places: ScratchBuffer<UInt32>
    /// This column's entries, as places in the caller's dictionary.
    var entries: ScratchBuffer<UInt32>
    /// This column's value per row, as places in `entries`.
    var indices: ScratchBuffer<UInt32>
    /// The entries as PLAIN values: 32-bit length and bytes, repaired.
    var plain: ScratchBuffer<UInt8>
    /// Where each entry starts in `plain`, and the end.
    var plainOffsets: ScratchBuffer<Int>
    /// Bytes of all values as PLAIN, before repair.
    var plainByteCount = 0

    init(_ memory: ScratchMemory) {
        places = ScratchBuffer(memory)
        entries = ScratchBuffer(memory)
        indices = ScratchBuffer(memory)
        plain = ScratchBuffer(memory)
        plainOffsets = ScratchBuffer(memory)
    }

    /// Forgets the column, and gives memory back that others could use: what is taken first last, as ``IntegerInterner`` does.
    mutating func giveBack() {
        plain.giveBack()
        plainOffsets.giveBack()
        entries.giveBack()
        indices.giveBack()
        places.giveBack()
    }
}

extension RowGroupEncoder {
    /// Gives a string column.
    ///
    /// A dictionary may serve several columns: only the entries that occur are written. What isn't UTF-8 is repaired.
    ///
    /// - Parameters:
    ///   - column: Place in the schema.
    ///   - indices: For each row that has a value, in row order, the place of the value in `dictionary`.
    ///   - dictionary: The distinct values; a `BytesInterner` fills one.
    ///   - validity: A bit per row, lowest first, set where there is a value; nil when all have one.
    public func strings(
        _ column: Int,
        indices: Span<UInt32>,
        dictionary: borrowing StringDictionary,
        validity: Span<UInt64>? = nil
    ) {
        check(column, types: [.string])
        check(column, valueCount: indices.count, validity: validity)
        guard indices.count > 0 else { return allNull(column) }
        text.collect(indices, dictionary)
        text.repairEntries(dictionary)
        let statistics = text.statistics(nullCount: rowCount - indices.count)
        let start = pages.output.count
        guard text.isDictionaryWorthIt else {
            beginDataPage(column, valueCount: indices.count, validity: validity)
            text.appendPlain(to: &page)
            let size = pages.appendData(page, count: rowCount, encoding: .plain)
            add(column, encodings: [.plain, .runLength], start: start, size: size, statistics: statistics)
            return
        }
        let dictionarySize = pages.appendDictionary(text.plain, count: text.entries.count)
        let size = writeSmallest(column, validity: validity)
        add(
            column,
            encodings: [.dictionary, .plain, .runLength],
            start: start,
            dictionary: dictionarySize,
            size: size,
            statistics: statistics
        )
    }

    /// Writes the indices in the format that was the smallest at the last trial, or now tries them all.
    private func writeSmallest(_ column: Int, validity: Span<UInt64>?) -> PageWriter.Size {
        let usual = ColumnFormat(encoding: .dictionary)
        // A run takes next to nothing in any format.
        guard text.indices.count >= ColumnFormats.fewestValues, text.entries.count > 1 else {
            return write(column, usual, validity)
        }
        if let format = formats.format(of: column) { return write(column, format, validity) }
        let best = ColumnFormats.smallest(ColumnFormat.indexCandidates) { candidate in
            let start = pages.output.count
            defer { pages.removeAll(from: start) }
            return write(column, candidate, validity).compressed
        }
        formats.choose(best ?? usual, for: column)
        return write(column, best ?? usual, validity)
    }

    /// Appends the data page of the indices.
    private func write(_ column: Int, _ format: ColumnFormat, _ validity: Span<UInt64>?) -> PageWriter.Size {
        beginDataPage(column, valueCount: text.indices.count, validity: validity)
        let width = format.packedWidth(EncodingChoice.indexWidth(entryCount: text.entries.count))
        page.append(UInt8(width))
        unsafe RunLengthHybrid.append(text.indices.elements, width: width, to: &page)
        return pages.appendData(page, count: rowCount, encoding: .dictionary, effort: format.effort)
    }
}

extension TextColumnScratch {
    /// A dictionary pays unless values hardly repeat or it gets too large for what it saves.
    var isDictionaryWorthIt: Bool {
        if plainByteCount > EncodingChoice.plainBytes { return true }
        guard entries.count <= EncodingChoice.mostEntries, entries.count <= indices.count / 2 else { return false }
        return plain.count <= EncodingChoice.dictionaryBytes || plainByteCount >= plain.count * 4
    }

    /// Numbers the entries that occur, in order of first appearance.
    mutating func collect(_ values: Span<UInt32>, _ dictionary: borrowing StringDictionary) {
        if places.count < dictionary.count { places.fill(dictionary.count, with: .max) }
        entries.removeAll(keepingAtMost: 8 << 20)
        indices.removeAll(keepingAtMost: 8 << 20)
        indices.reserve(values.count)
        plainByteCount = 0
        let entryCount = UInt32(dictionary.count)
        unsafe values.withUnsafeBufferPointer { values in
            let indices = unsafe self.indices.base
            var previous = UInt32.max
            var place: UInt32 = 0
            var length = 0
            var total = 0
            for index in 0..<values.count {
                let value = unsafe values[index]
                if value != previous {
                    precondition(value < entryCount, "a string index is outside its dictionary")
                    previous = value
                    place = unsafe places.base[Int(value)]
                    if place == .max {
                        place = UInt32(truncatingIfNeeded: entries.count)
                        unsafe places.base[Int(value)] = place
                        entries.append(value)
                    }
                    length = unsafe Int(dictionary.offsets.base[Int(value) + 1] - dictionary.offsets.base[Int(value)])
                }
                total += length + 4
                unsafe indices[index] = place
            }
            plainByteCount = total
        }
        indices.count = values.count
        for index in 0..<entries.count { unsafe places.base[Int(entries.base[index])] = .max }
    }

    /// Writes the entries as PLAIN values into `plain`.
    mutating func repairEntries(_ dictionary: borrowing StringDictionary) {
        plain.removeAll(keepingAtMost: 16 << 20)
        plainOffsets.removeAll(keepingAtMost: 8 << 20)
        for index in 0..<entries.count {
            plainOffsets.append(plain.count)
            let lengthAt = plain.count
            plain.append(littleEndian: 0)
            unsafe UTF8Repair.append(dictionary.entry(Int(entries.base[index])), to: &plain)
            plain.store(littleEndian: UInt32(plain.count - lengthAt - 4), at: lengthAt)
        }
        plainOffsets.append(plain.count)
    }

    /// Appends each value, rather than its place in the dictionary.
    func appendPlain(to page: inout ScratchBuffer<UInt8>) {
        for index in 0..<indices.count {
            let place = unsafe Int(indices.base[index])
            unsafe page.append(
                copying: plain.elements.extracting(plainOffsets.base[place]..<plainOffsets.base[place + 1])
            )
        }
    }

    /// Bounds over the entries.
    func statistics(nullCount: Int) -> ColumnStatistics {
        var smallest = unsafe value(0)
        var largest = unsafe smallest
        for index in 1..<max(entries.count, 1) {
            let value = unsafe value(index)
            if unsafe ByteComparison.isBefore(value, smallest) {
                unsafe smallest = value
            } else if unsafe ByteComparison.isBefore(largest, value) {
                unsafe largest = value
            }
        }
        // One byte more than the limit would do for the cut, but a character may cross it.
        let minimum = unsafe TextBound.minimum(Array(smallest.prefix(TextBound.limit + 4)))
        let maximum = unsafe TextBound.maximum(Array(largest.prefix(TextBound.limit + 4)))
        return ColumnStatistics(
            nullCount: nullCount,
            minimum: .string(minimum.bound),
            maximum: maximum.map { .string($0.bound) },
            isMinimumExact: minimum.isExact,
            isMaximumExact: maximum?.isExact ?? true
        )
    }

    @unsafe private func value(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        unsafe plain.elements.extracting(plainOffsets.base[index] + 4..<plainOffsets.base[index + 1])
    }
}
