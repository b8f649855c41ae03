import TapioArchive
import Testing

/// The encoder writes through pointers; these checks are what stands before them.
@Suite("Parquet: calls that don't fit trap before any memory is touched")
struct ParquetMisuseTests {
    @Test("a string index outside its dictionary")
    func stringIndex() async {
        await #expect(processExitsWith: .failure) {
            let encoder = makeEncoder(.string)
            var interner = BytesInterner()
            _ = interner.intern(([1] as [UInt8]).span.bytes)
            let indices: [UInt32] = [0, 1]
            encoder.strings(0, indices: indices.span, dictionary: interner.dictionary)
        }
    }

    @Test("fewer values than rows")
    func tooFew() async {
        await #expect(processExitsWith: .failure) {
            let values: [Int64] = [1]
            makeEncoder(.int64).integers(0, values: values.span)
        }
    }

    @Test("a number that its column cannot hold")
    func tooWide() async {
        await #expect(processExitsWith: .failure) {
            let values: [Int64] = [0, 1 << 31]
            makeEncoder(.int32).integers(0, values: values.span)
        }
    }

    @Test("more values than the bitmap has set bits")
    func tooMany() async {
        await #expect(processExitsWith: .failure) {
            let values: [Double] = [1, 2]
            let bits: [UInt64] = [0b01]
            makeEncoder(.double).double(0, values: values.span, validity: bits.span)
        }
    }

    @Test("a bitmap that is shorter than the rows")
    func shortBitmap() async {
        await #expect(processExitsWith: .failure) {
            let bits: [UInt64] = []
            let values: [Int64] = []
            makeEncoder(.int64).integers(0, values: values.span, validity: bits.span)
        }
    }

    @Test("a column of another type, given twice, or outside the schema")
    func wrongColumn() async {
        await #expect(processExitsWith: .failure) { makeEncoder(.string).constant(0, integer: 1) }
        await #expect(processExitsWith: .failure) { makeEncoder(.int64).constant(1, integer: 1) }
        await #expect(processExitsWith: .failure) {
            let encoder = makeEncoder(.int64)
            encoder.constant(0, integer: 1)
            encoder.constant(0, integer: 1)
        }
    }
}

/// An encoder in the middle of a group of two rows, with one nullable column.
private func makeEncoder(_ type: ParquetType) -> RowGroupEncoder {
    let encoder = RowGroupEncoder(
        schema: ParquetSchema(columns: [ParquetColumn(name: "c", type: type, isRequired: false, fieldID: 1)])
    )
    encoder.begin(rowCount: 2)
    return encoder
}
