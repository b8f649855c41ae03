import TapioArchive
import TapioEvents

/// Columns of numbers: a tight loop for each kind, over records that lie one after another.
extension BatchEncoder {
    /// Gathers and encodes an int32, int64 or timestamp column.
    func integers(_ column: Int, _ filling: ColumnPlan.Filling, _ clock: ClockOffset) {
        for run in sorter.runs {
            guard let field = filling.fields[run.layout] else { continue }
            let isRequired = filling.column.isRequired
            let isNarrow = filling.column.type == .int32
            switch field.source {
            case .uint8(let at): gather(UInt8.self, at, run, field.absence, isRequired: isRequired)
            case .uint16(let at): gather(UInt16.self, at, run, field.absence, isRequired: isRequired)
            // What fills 32 bits of a signed column keeps its bits, not its value.
            case .uint32(let at) where isNarrow: gather(Int32.self, at, run, field.absence, isRequired: isRequired)
            case .uint32(let at): gather(UInt32.self, at, run, field.absence, isRequired: isRequired)
            case .uint64(let at): gather(UInt64.self, at, run, field.absence, isRequired: isRequired)
            case .bootTime(let at): gatherTimes(at, run, field.absence, clock, isRequired: isRequired)
            case .bootTimeSubNs(let at):
                let first = scratch.count
                unsafe forEach(run, at, Int64.self) { place, boot in
                    unsafe scratch.integers[first + place] = clock.subMicrosecondNs(boot: boot)
                }
                finishAll(run)
            default: preconditionFailure("column \(filling.column.name) is no number")
            }
        }
        guard scratch.count > 0 else { return }
        let validity = unsafe UnsafeBufferPointer(start: scratch.validity, count: scratch.rows / 64 + 1)
        let valid = scratch.count == scratch.rows ? nil : unsafe validity.span
        let values = unsafe UnsafeBufferPointer(start: scratch.integers, count: scratch.count)
        unsafe rowGroup.integers(column, values: values.span, validity: valid)
    }

    /// Gathers and encodes a column of weights; `sums` gets their sum by run.
    func doubles(_ column: Int, _ filling: ColumnPlan.Filling, _ sums: inout [Double]) {
        let values = unsafe UnsafeMutableRawPointer(scratch.integers)
        for (index, run) in sorter.runs.enumerated() {
            guard let field = filling.fields[run.layout] else { continue }
            let first = scratch.count
            var sum: Double = 0
            switch field.source {
            case .weight(let at):
                var lastKeep: UInt32 = 0
                var weight: Double = 0
                unsafe forEach(run, at, UInt32.self) { place, keep in
                    if keep != lastKeep {
                        lastKeep = keep
                        weight = RecordText.weight(keep: keep)
                    }
                    sum += weight
                    unsafe values.storeBytes(of: weight, toByteOffset: (first + place) * 8, as: Double.self)
                }
            case .weightSum(let countAt, let keepAt):
                unsafe forEachPair(run, countAt, UInt64.self, keepAt, UInt32.self) { place, count, keep in
                    let weight = Double(count) * RecordText.weight(keep: keep)
                    sum += weight
                    unsafe values.storeBytes(of: weight, toByteOffset: (first + place) * 8, as: Double.self)
                }
            default: preconditionFailure("column \(filling.column.name) is no weight")
            }
            sums[index] = sum
            finishAll(run)
        }
        guard scratch.count > 0 else { return }
        let buffer = unsafe UnsafeBufferPointer(
            start: UnsafePointer(values.assumingMemoryBound(to: Double.self)),
            count: scratch.count
        )
        let validity = unsafe UnsafeBufferPointer(start: scratch.validity, count: scratch.rows / 64 + 1)
        unsafe rowGroup.double(
            column,
            values: buffer.span,
            validity: scratch.count == scratch.rows ? nil : validity.span
        )
    }

    private func gather<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type,
        _ at: Int,
        _ run: KindRun,
        _ absence: Absence,
        isRequired: Bool
    ) {
        let first = scratch.count
        switch isRequired ? .never : absence {
        case .never:
            unsafe forEach(run, at, type) { place, value in
                unsafe scratch.integers[first + place] = Int64(truncatingIfNeeded: value)
            }
            finishAll(run)
        case .allOnes: gather(type, at, run, absent: ~0)
        case .zero: gather(type, at, run, absent: 0)
        }
    }

    @inline(__always)
    private func gather<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type,
        _ at: Int,
        _ run: KindRun,
        absent: Number
    ) {
        var next = scratch.count
        var bits = scratch.bits(of: run.rows)
        let target = unsafe scratch.integers
        unsafe forEach(run, at, type) { _, value in
            let isPresent = value != absent
            // Written even for an absent one: there is room for a value per row.
            unsafe target[next] = Int64(truncatingIfNeeded: value)
            next += isPresent ? 1 : 0
            bits.add(isPresent)
        }
        bits.finish()
        scratch.count = next
    }

    private func gatherTimes(_ at: Int, _ run: KindRun, _ absence: Absence, _ clock: ClockOffset, isRequired: Bool) {
        if isRequired || absence == .never {
            let first = scratch.count
            unsafe forEach(run, at, Int64.self) { place, boot in
                unsafe scratch.integers[first + place] = clock.utcMicroseconds(boot: boot)
            }
            return finishAll(run)
        }
        let absent: Int64 = absence == .zero ? 0 : -1
        var next = scratch.count
        var bits = scratch.bits(of: run.rows)
        unsafe forEach(run, at, Int64.self) { _, boot in
            let isPresent = boot != absent
            unsafe scratch.integers[next] = clock.utcMicroseconds(boot: boot)
            next += isPresent ? 1 : 0
            bits.add(isPresent)
        }
        bits.finish()
        scratch.count = next
    }

    /// All rows of a run got a value.
    private func finishAll(_ run: KindRun) {
        scratch.count += run.rows.count
        scratch.markAll(run.rows)
    }

    /// Hands over the value at an offset of each record of a run.
    @inline(__always)
    @unsafe private func forEach<Number: BitwiseCopyable>(
        _ run: KindRun,
        _ at: Int,
        _ type: Number.Type,
        _ body: (Int, Number) -> Void
    ) {
        for piece in run.pieces {
            var field = unsafe sorter.field(run, piece, at: at)
            for place in run.rows(ofPiece: piece) {
                body(place, unsafe field.load(as: type))
                unsafe field += KindRun.wordBytes
            }
        }
    }

    /// Hands over two values of each record of a run.
    @inline(__always)
    @unsafe private func forEachPair<First: BitwiseCopyable, Second: BitwiseCopyable>(
        _ run: KindRun,
        _ firstAt: Int,
        _ first: First.Type,
        _ secondAt: Int,
        _ second: Second.Type,
        _ body: (Int, First, Second) -> Void
    ) {
        for piece in run.pieces {
            let firsts = unsafe sorter.field(run, piece, at: firstAt)
            let seconds = unsafe sorter.field(run, piece, at: secondAt)
            let rows = run.rows(ofPiece: piece)
            for place in rows {
                let offset = (place - rows.lowerBound) * KindRun.wordBytes
                body(
                    place,
                    unsafe firsts.load(fromByteOffset: offset, as: first),
                    unsafe seconds.load(fromByteOffset: offset, as: second)
                )
            }
        }
    }
}
