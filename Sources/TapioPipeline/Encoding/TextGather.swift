import TapioArchive
import TapioEvents
import TapioRings

/// Gathers columns of strings: for each row the number of its text in a dictionary. Bytes that repeat are compared, not
/// copied, and text that has to be made (addresses, command lines) is made once for each distinct value.
struct TextGather: ~Copyable {
    /// The texts of the column.
    private(set) var interner: BytesInterner
    /// Bytes from which texts are made.
    private var raw: BytesInterner
    /// For each entry of `raw` its text in `interner`.
    private var textOfRaw: [UInt32] = []
    /// For each enrichment id its text in `interner`.
    private var textOfID: [UInt32] = []

    /// Marks "no text made yet" and "no value".
    private static let unknown = UInt32.max
    private static let absent = UInt32.max - 1

    init(_ memory: ScratchMemory) {
        interner = BytesInterner(memory: memory)
        raw = BytesInterner(memory: memory)
    }

    /// Forgets all texts, and gives memory back that others could use.
    mutating func giveBack() {
        interner.giveBack()
        raw.giveBack()
    }

    /// Gathers one column into `scratch.indices`; the texts are then in ``interner``.
    ///
    /// `records` are those of the batch that `sorter` has sorted.
    @unsafe mutating func gather(
        _ filling: ColumnPlan.Filling,
        plan: ColumnPlan,
        sorter: BatchSorter,
        into scratch: ColumnScratch,
        records: UnsafeRows,
        enrichment: EnrichmentTable
    ) {
        interner.reset()
        raw.reset()
        textOfRaw.removeAll(keepingCapacity: true)
        textOfID.removeAll(keepingCapacity: true)
        let isRequired = filling.column.isRequired
        for run in sorter.runs {
            guard let field = filling.fields[run.layout] else { continue }
            let positions = unsafe sorter.positions + run.rows.lowerBound
            switch field.source {
            case .paddedString(let at, let count):
                let isNullable = field.absence == .zero && !isRequired
                unsafe padded(run, sorter, at, count, isNullable, scratch)
            case .ipAddress(let at):
                let isNullable = field.absence == .zero && !isRequired
                unsafe addresses(run, sorter, at, isNullable, scratch)
            case .symbol(let at, let names):
                unsafe symbols(run, sorter, at, names.map { Array($0.utf8) }, isRequired, scratch)
            case .kindName(let at) where at == RecordCheck.kindOffset:
                constant(run, plan.kindNames[Int(run.kind.rawValue)], scratch)
            case .code(let at, let names):
                let absent: UInt32? = field.absence == .allOnes && !isRequired ? .max : nil
                unsafe numbers(run, sorter, at, absent: absent, scratch) { RecordText.code($0, names) }
            case .bits(let at, let names):
                let absent: UInt64? = field.absence == .zero && !isRequired ? 0 : nil
                unsafe numbers(run, sorter, at, absent: absent, scratch) { RecordText.bits($0, names) }
            case .kindName(let at):
                var names = plan.kindNames
                names[Int(EventKind.ledger.rawValue)] = []
                unsafe symbols(run, sorter, at, names, isRequired, scratch)
            case .hex64(let at):
                let absent: UInt64? = field.absence == .allOnes ? .max : nil
                unsafe numbers(run, sorter, at, absent: absent, scratch) { RecordText.hex($0) }
            case .string(let at):
                let isNullable = field.absence == .zero && !isRequired
                unsafe strings(run, sorter, at, records, positions, isNullable, scratch)
            case .list(let at, let list):
                let isNullable = field.absence == .zero && !isRequired
                unsafe lists(run, sorter, at, list, records, positions, isNullable, scratch)
            case .dns(let at, let part):
                unsafe messages(run, sorter, at, part, records, positions, scratch)
            case .enrichment(let column):
                // A batch of which nothing is known has no ids.
                guard enrichment.entries.count > 1 else { continue }
                let ids = unsafe sorter.enrichmentIDs + run.rows.lowerBound
                unsafe enrich(run, ids, scratch, { Int($0.owner) }) { id in
                    // An id that the table doesn't have says nothing.
                    let value = enrichment.entries[id < enrichment.entries.count ? id : 0][column.rawValue]
                    return value.isEmpty && !isRequired ? nil : value
                }
            case .remote(let column):
                let ids = unsafe sorter.enrichmentIDs + run.rows.lowerBound
                unsafe enrich(run, ids, scratch, { Int(column.number(in: $0)) }) { number in
                    let value = enrichment.text(column, UInt16(truncatingIfNeeded: number))
                    return value.isEmpty ? nil : value
                }
            case .uint8, .uint16, .uint32, .uint64, .bootTime, .bootTimeSubNs, .weight, .weightSum:
                preconditionFailure("column \(filling.column.name) is no string")
            }
        }
    }

    // MARK: - Sources

    private mutating func constant(_ run: KindRun, _ text: [UInt8], _ scratch: ColumnScratch) {
        let index = interner.intern(unsafe text.span.bytes)
        unsafe (scratch.indices + scratch.count).update(repeating: index, count: run.rows.count)
        finishAll(run, scratch)
    }

    /// Bytes that end at the first NUL, from `count` / 8 columns of words.
    @unsafe private mutating func padded(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ count: Int,
        _ isNullable: Bool,
        _ scratch: ColumnScratch
    ) {
        let words = count / KindRun.wordBytes
        var next = scratch.count
        var bits = scratch.bits(of: run.rows)
        let indices = unsafe scratch.indices
        var index = Self.absent
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { value in
            unsafe withUnsafeTemporaryAllocation(of: UnsafeRawPointer.self, capacity: words) { columns in
                for piece in run.pieces {
                    for word in 0..<words { unsafe columns[word] = sorter.words(run, piece, at >> 3 + word) }
                    var offset = 0
                    for place in run.rows(ofPiece: piece) {
                        var isNew = place == 0
                        for word in 0..<words {
                            let bytes = unsafe columns[word].load(fromByteOffset: offset, as: UInt64.self)
                            isNew = unsafe isNew || bytes != value[word]
                            unsafe value[word] = bytes
                        }
                        offset += KindRun.wordBytes
                        if isNew {
                            let bytes = UnsafeRawBufferPointer(value)
                            let length = unsafe bytes.firstIndex(of: 0) ?? count
                            let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<length])
                            index = isNullable && length == 0 ? Self.absent : unsafe interner.intern(text)
                        }
                        unsafe Self.add(index, &next, &bits, indices)
                    }
                }
            }
        }
        bits.finish()
        scratch.count = next
    }

    @unsafe private mutating func addresses(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ isNullable: Bool,
        _ scratch: ColumnScratch
    ) {
        var next = scratch.count
        var bits = scratch.bits(of: run.rows)
        let indices = unsafe scratch.indices
        var index = Self.absent
        var address = SIMD2<UInt64>()
        for piece in run.pieces {
            var first = unsafe sorter.words(run, piece, at >> 3)
            var second = unsafe sorter.words(run, piece, at >> 3 + 1)
            for place in run.rows(ofPiece: piece) {
                let here = unsafe SIMD2(first.load(as: UInt64.self), second.load(as: UInt64.self))
                unsafe first += KindRun.wordBytes
                unsafe second += KindRun.wordBytes
                if place == 0 || here != address {
                    address = here
                    let number = unsafe withUnsafeBytes(of: &address) { unsafe raw.intern($0) }
                    let isAbsent = isNullable && here == .zero
                    index = isAbsent ? Self.absent : text(of: number) { RecordText.ipAddress($0) }
                }
                unsafe Self.add(index, &next, &bits, indices)
            }
        }
        bits.finish()
        scratch.count = next
    }

    /// A byte that chooses a name; an empty name is no value.
    @unsafe private mutating func symbols(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ names: [[UInt8]],
        _ isRequired: Bool,
        _ scratch: ColumnScratch
    ) {
        // A required column has text in each row, whatever the byte says.
        let empty: [UInt8] = []
        let none = isRequired ? interner.intern(unsafe empty.span.bytes) : Self.absent
        var texts = [UInt32](repeating: none, count: 256)
        for (byte, name) in names.enumerated().prefix(256) where !name.isEmpty { texts[byte] = Self.unknown }
        unsafe Self.eachField(run, sorter, at, scratch) { field, _ in
            let byte = unsafe Int(field.load(as: UInt8.self))
            if texts[byte] == Self.unknown {
                let name = names[byte]
                texts[byte] = interner.intern(unsafe name.span.bytes)
            }
            return texts[byte]
        }
    }

    /// A number that stands for a text, or for no value.
    @inline(__always)
    @unsafe private mutating func numbers<Number: FixedWidthInteger & BitwiseCopyable>(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        absent: Number?,
        _ scratch: ColumnScratch,
        _ name: (Number) -> String
    ) {
        unsafe Self.eachField(run, sorter, at, scratch) { field, _ in
            let value = unsafe field.load(as: Number.self)
            if value == absent { return Self.absent }
            let number = unsafe withUnsafeBytes(of: value) { unsafe raw.intern($0) }
            return text(of: number) { _ in Array(name(value).utf8) }
        }
    }

    @unsafe private mutating func strings(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ records: UnsafeRows,
        _ positions: UnsafeMutablePointer<UInt32>,
        _ isNullable: Bool,
        _ scratch: ColumnScratch
    ) {
        unsafe Self.eachField(run, sorter, at, scratch) { field, place in
            let bytes = unsafe Self.string(field, records.record(at: positions[place]))
            return isNullable && bytes.count == 0 ? Self.absent : unsafe interner.intern(bytes)
        }
    }

    @unsafe private mutating func lists(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ list: TextList,
        _ records: UnsafeRows,
        _ positions: UnsafeMutablePointer<UInt32>,
        _ isNullable: Bool,
        _ scratch: ColumnScratch
    ) {
        unsafe Self.eachField(run, sorter, at, scratch) { field, place in
            let bytes = unsafe Self.string(field, records.record(at: positions[place]))
            if isNullable && bytes.count == 0 { return Self.absent }
            let number = unsafe raw.intern(bytes)
            return text(of: number) { list.text($0) }
        }
    }

    @unsafe private mutating func messages(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ part: DNSMessage.Part,
        _ records: UnsafeRows,
        _ positions: UnsafeMutablePointer<UInt32>,
        _ scratch: ColumnScratch
    ) {
        unsafe Self.eachField(run, sorter, at, scratch) { field, place in
            let bytes = unsafe Self.string(field, records.record(at: positions[place]))
            guard let text = unsafe DNSMessage(Array(bytes)).text(part) else { return Self.absent }
            return interner.intern(unsafe Array(text.utf8).span.bytes)
        }
    }

    /// What is known beside the records, by one of the places in rows' ids; its text is made once for each.
    @inline(__always)
    @unsafe private mutating func enrich(
        _ run: KindRun,
        _ ids: UnsafeMutablePointer<EnrichmentID>,
        _ scratch: ColumnScratch,
        _ number: (EnrichmentID) -> Int,
        _ text: (Int) -> [UInt8]?
    ) {
        var next = scratch.count
        var bits = scratch.bits(of: run.rows)
        let indices = unsafe scratch.indices
        for place in 0..<run.rows.count {
            let id = unsafe number(ids[place])
            while textOfID.count <= id { textOfID.append(Self.unknown) }
            var index = textOfID[id]
            if index == Self.unknown {
                index = text(id).map { interner.intern(unsafe $0.span.bytes) } ?? Self.absent
                textOfID[id] = index
            }
            unsafe Self.add(index, &next, &bits, indices)
        }
        bits.finish()
        scratch.count = next
    }

    // MARK: - Parts

    /// The text made of an entry of `raw`, once.
    @inline(__always)
    private mutating func text(of number: UInt32, _ make: ([UInt8]) -> [UInt8]) -> UInt32 {
        if Int(number) < textOfRaw.count, textOfRaw[Int(number)] != Self.unknown { return textOfRaw[Int(number)] }
        return makeText(of: number, make)
    }

    @inline(never)
    private mutating func makeText(of number: UInt32, _ make: ([UInt8]) -> [UInt8]) -> UInt32 {
        while textOfRaw.count <= Int(number) { textOfRaw.append(Self.unknown) }
        let text = make(raw.dictionary[Int(number)])
        let index = interner.intern(unsafe text.span.bytes)
        textOfRaw[Int(number)] = index
        return index
    }

    /// The bytes that a `tapio_string` at `field` names in the record at `record`. ``RecordCheck`` has seen to it that they
    /// lie in the record.
    @inline(__always)
    @unsafe private static func string(_ field: UnsafeRawPointer, _ record: UnsafeRawPointer) -> UnsafeRawBufferPointer
    {
        let length = unsafe Int(field.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        if length == 0 { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        let offset = unsafe Int(field.loadUnaligned(as: UInt16.self))
        return unsafe UnsafeRawBufferPointer(start: record + offset, count: length)
    }

    /// Gives each row of a run the text that `text` finds for its field, by the row's place in the run, or none.
    @inline(__always)
    @unsafe private static func eachField(
        _ run: KindRun,
        _ sorter: BatchSorter,
        _ at: Int,
        _ scratch: ColumnScratch,
        _ text: (_ field: UnsafeRawPointer, _ place: Int) -> UInt32
    ) {
        var next = scratch.count
        var bits = scratch.bits(of: run.rows)
        let indices = unsafe scratch.indices
        for piece in run.pieces {
            var field = unsafe sorter.field(run, piece, at: at)
            for place in run.rows(ofPiece: piece) {
                unsafe add(text(field, place), &next, &bits, indices)
                unsafe field += KindRun.wordBytes
            }
        }
        bits.finish()
        scratch.count = next
    }

    /// Adds a row's value, or none.
    @inline(__always)
    @unsafe private static func add(
        _ index: UInt32,
        _ next: inout Int,
        _ bits: inout ValidityBits,
        _ indices: UnsafeMutablePointer<UInt32>
    ) {
        let isPresent = index != absent
        unsafe indices[next] = index
        next += isPresent ? 1 : 0
        bits.add(isPresent)
    }

    private func finishAll(_ run: KindRun, _ scratch: ColumnScratch) {
        scratch.count += run.rows.count
        scratch.markAll(run.rows)
    }
}
