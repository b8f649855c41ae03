import TapioArchive
import TapioEvents

/// Gathers columns of strings: for each row the number of its text in a dictionary. Bytes that repeat are compared, not
/// copied, and text that has to be made (addresses, command lines) is made once for each distinct value.
struct TextGather: ~Copyable {
    /// The texts of the column.
    private(set) var interner = BytesInterner()
    /// Bytes from which texts are made.
    private var raw = BytesInterner()
    /// For each entry of `raw` its text in `interner`.
    private var textOfRaw: [UInt32] = []
    /// For each enrichment id its text in `interner`.
    private var textOfID: [UInt32] = []

    /// Marks "no text made yet" and "no value".
    private static let unknown = UInt32.max
    private static let absent = UInt32.max - 1

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
            let fixed = unsafe UnsafeRawPointer(sorter.fixed) + run.start
            let positions = unsafe sorter.positions + run.rows.lowerBound
            switch field.source {
            case .paddedString(let at, let count):
                unsafe padded(run, fixed + at, count, scratch)
            case .ipAddress(let at):
                unsafe addresses(run, fixed + at, scratch)
            case .symbol(let at, let names):
                unsafe symbols(run, fixed + at, names.map { Array($0.utf8) }, isRequired, scratch)
            case .kindName(let at) where at == RecordCheck.kindOffset:
                constant(run, plan.kindNames[Int(run.kind.rawValue)], scratch)
            case .kindName(let at):
                var names = plan.kindNames
                names[Int(EventKind.ledger.rawValue)] = []
                unsafe symbols(run, fixed + at, names, isRequired, scratch)
            case .hex64(let at):
                unsafe hex(run, fixed + at, field.absence, scratch)
            case .string(let at):
                let isNullable = field.absence == .zero && !isRequired
                unsafe strings(run, fixed + at, records, positions, isNullable, scratch)
            case .arguments(let at):
                let isNullable = field.absence == .zero && !isRequired
                unsafe arguments(run, fixed + at, records, positions, isNullable, scratch)
            case .enrichment(let column):
                let ids = unsafe sorter.enrichmentIDs + run.rows.lowerBound
                unsafe enrich(run, ids, enrichment, column, isRequired, scratch)
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

    /// Bytes that end at the first NUL.
    @unsafe private mutating func padded(
        _ run: KindRun,
        _ start: UnsafeRawPointer,
        _ count: Int,
        _ scratch: ColumnScratch
    ) {
        let indices = unsafe scratch.indices + scratch.count
        var record = unsafe start
        for place in 0..<run.rows.count {
            let previous = unsafe record - run.stride
            if place > 0, unsafe areEqual(record, previous, count) {
                unsafe indices[place] = indices[place - 1]
            } else {
                var length = 0
                while length < count, unsafe record.load(fromByteOffset: length, as: UInt8.self) != 0 { length += 1 }
                unsafe indices[place] = interner.intern(UnsafeRawBufferPointer(start: record, count: length))
            }
            unsafe record += run.stride
        }
        finishAll(run, scratch)
    }

    @unsafe private mutating func addresses(_ run: KindRun, _ start: UnsafeRawPointer, _ scratch: ColumnScratch) {
        let indices = unsafe scratch.indices + scratch.count
        var record = unsafe start
        for place in 0..<run.rows.count {
            let number = unsafe raw.intern(UnsafeRawBufferPointer(start: record, count: 16))
            unsafe indices[place] = text(of: number) { RecordText.ipAddress($0) }
            unsafe record += run.stride
        }
        finishAll(run, scratch)
    }

    /// A byte that chooses a name; an empty name is no value.
    @unsafe private mutating func symbols(
        _ run: KindRun,
        _ start: UnsafeRawPointer,
        _ names: [[UInt8]],
        _ isRequired: Bool,
        _ scratch: ColumnScratch
    ) {
        // A required column has text in each row, whatever the byte says.
        let empty: [UInt8] = []
        let none = isRequired ? interner.intern(unsafe empty.span.bytes) : Self.absent
        var texts = [UInt32](repeating: none, count: 256)
        for (byte, name) in names.enumerated().prefix(256) where !name.isEmpty { texts[byte] = Self.unknown }
        var record = unsafe start
        var next = scratch.count
        for place in 0..<run.rows.count {
            let byte = unsafe Int(record.load(as: UInt8.self))
            if texts[byte] == Self.unknown {
                let name = names[byte]
                texts[byte] = interner.intern(unsafe name.span.bytes)
            }
            unsafe add(texts[byte], place, run, &next, scratch)
            unsafe record += run.stride
        }
        scratch.count = next
    }

    @unsafe private mutating func hex(
        _ run: KindRun,
        _ start: UnsafeRawPointer,
        _ absence: Absence,
        _ scratch: ColumnScratch
    ) {
        var record = unsafe start
        var next = scratch.count
        for place in 0..<run.rows.count {
            let value = unsafe record.loadUnaligned(as: UInt64.self)
            var index = Self.absent
            if !(value == .max && absence == .allOnes) {
                let digits = Array(RecordText.hex(value).utf8)
                index = interner.intern(unsafe digits.span.bytes)
            }
            unsafe add(index, place, run, &next, scratch)
            unsafe record += run.stride
        }
        scratch.count = next
    }

    @unsafe private mutating func strings(
        _ run: KindRun,
        _ start: UnsafeRawPointer,
        _ records: UnsafeRows,
        _ positions: UnsafeMutablePointer<UInt32>,
        _ isNullable: Bool,
        _ scratch: ColumnScratch
    ) {
        var record = unsafe start
        var next = scratch.count
        for place in 0..<run.rows.count {
            let bytes = unsafe string(record, records.record(at: positions[place]))
            let index = isNullable && bytes.count == 0 ? Self.absent : unsafe interner.intern(bytes)
            unsafe add(index, place, run, &next, scratch)
            unsafe record += run.stride
        }
        scratch.count = next
    }

    @unsafe private mutating func arguments(
        _ run: KindRun,
        _ start: UnsafeRawPointer,
        _ records: UnsafeRows,
        _ positions: UnsafeMutablePointer<UInt32>,
        _ isNullable: Bool,
        _ scratch: ColumnScratch
    ) {
        var record = unsafe start
        var next = scratch.count
        for place in 0..<run.rows.count {
            let bytes = unsafe string(record, records.record(at: positions[place]))
            var index = Self.absent
            if !(isNullable && bytes.count == 0) {
                let number = unsafe raw.intern(bytes)
                index = text(of: number) { RecordText.commandLine($0) }
            }
            unsafe add(index, place, run, &next, scratch)
            unsafe record += run.stride
        }
        scratch.count = next
    }

    @unsafe private mutating func enrich(
        _ run: KindRun,
        _ ids: UnsafeMutablePointer<UInt32>,
        _ table: EnrichmentTable,
        _ column: EnrichmentColumn,
        _ isRequired: Bool,
        _ scratch: ColumnScratch
    ) {
        if textOfID.isEmpty { textOfID = [UInt32](repeating: Self.unknown, count: table.entries.count) }
        var next = scratch.count
        for place in 0..<run.rows.count {
            let id = unsafe Int(ids[place])
            // An id that the table doesn't have says nothing.
            var index = id < textOfID.count ? textOfID[id] : textOfID[0]
            if index == Self.unknown {
                let value = table.entries[id < textOfID.count ? id : 0][column.rawValue]
                index = value.isEmpty && !isRequired ? Self.absent : interner.intern(unsafe value.span.bytes)
                textOfID[id < textOfID.count ? id : 0] = index
            }
            unsafe add(index, place, run, &next, scratch)
        }
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
    @unsafe private func string(_ field: UnsafeRawPointer, _ record: UnsafeRawPointer) -> UnsafeRawBufferPointer {
        let length = unsafe Int(field.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        if length == 0 { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        let offset = unsafe Int(field.loadUnaligned(as: UInt16.self))
        return unsafe UnsafeRawBufferPointer(start: record + offset, count: length)
    }

    /// Adds a row's value, or none.
    @inline(__always)
    @unsafe private func add(_ index: UInt32, _ place: Int, _ run: KindRun, _ next: inout Int, _ scratch: ColumnScratch)
    {
        let isPresent = index != Self.absent
        unsafe scratch.indices[next] = index
        next += isPresent ? 1 : 0
        unsafe scratch.mark(run.rows.lowerBound + place, isPresent)
    }

    private func finishAll(_ run: KindRun, _ scratch: ColumnScratch) {
        scratch.count += run.rows.count
        scratch.markAll(run.rows)
    }

    @inline(__always)
    @unsafe private func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        var at = 0
        while at + 8 <= count {
            guard
                unsafe left.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                    == right.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            else { return false }
            at += 8
        }
        while at < count {
            guard
                unsafe left.load(fromByteOffset: at, as: UInt8.self)
                    == right.load(fromByteOffset: at, as: UInt8.self)
            else { return false }
            at += 1
        }
        return true
    }
}
