import TapioArchive
import Testing

@Suite("xxh64")
struct ParquetXXHash64Tests {
    @Test("the known hashes of known texts")
    func texts() {
        #expect(XXHash64.hash([]) == 0xEF46_DB37_51D8_E999)
        #expect(XXHash64.hash(Array("a".utf8)) == 0xD24E_C4F1_A98C_6E5B)
        #expect(XXHash64.hash(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
        #expect(XXHash64.hash(Array("Nobody inspects the spammish repetition".utf8)) == 0xFBCE_A83C_8A37_8BF1)
    }

    @Test("the reference's own check values, with and without a seed")
    func reference() {
        var state: UInt64 = 2_654_435_761
        let buffer = (0..<222).map { _ -> UInt8 in
            defer { state &*= 11_400_714_785_074_694_797 }
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let expected: [(Int, UInt64, UInt64)] = [
            (0, 0xEF46_DB37_51D8_E999, 0xAC75_FDA2_929B_17EF),
            (1, 0xE934_A84A_DB05_2768, 0x5014_6076_43A9_B4C3),
            (14, 0x8282_DCC4_994E_35C8, 0xC3BD_6BF6_3DEB_6DF0),
            (222, 0xB641_AE8C_B691_C174, 0x20CB_8AB7_AE10_C14A),
        ]
        for (count, plain, seeded) in expected {
            let bytes = Array(buffer[..<count])
            #expect(XXHash64.hash(bytes) == plain, "\(count) bytes")
            #expect(XXHash64.hash(bytes, seed: 2_654_435_761) == seeded, "\(count) bytes, seeded")
            #expect(XXHash64.hash(bytes.span.bytes) == plain, "\(count) bytes as a span")
        }
    }
}
