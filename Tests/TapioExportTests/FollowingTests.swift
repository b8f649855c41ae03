import TapioTestSupport
import Testing

@testable import TapioArchive
@testable import TapioExport

@Suite("Export: what was sent")
struct FollowingTests {
    private func name(_ sequence: UInt64, atMicros: Int64, repair: Int = 0) -> SegmentName {
        SegmentName(startMicros: atMicros, bootID: "0a1b2c3d", sequence: sequence, repair: repair)
    }

    @Test("segments that follow one another are one run, in whatever order they were sent")
    func runs() {
        var sent = SentSegments()
        for sequence: UInt64 in [3, 1, 2, 7, 5, 6] { sent.insert(name(sequence, atMicros: Int64(sequence) * 10)) }
        for sequence: UInt64 in 1...8 {
            #expect(sent.contains(name(sequence, atMicros: Int64(sequence) * 10)) == (sequence != 4 && sequence != 8))
        }
        #expect(sent.runs.count == 2)
        sent.insert(name(1, atMicros: 10))
        #expect(sent.runs.count == 2)
    }

    @Test("a segment that is sealed after later ones were sent is not taken for one of them")
    func late() {
        var sent = SentSegments()
        sent.insert(name(1, atMicros: 10))
        sent.insert(name(3, atMicros: 30))
        #expect(!sent.contains(name(2, atMicros: 20)))
    }

    @Test("numbers that begin anew in an emptied archive are other segments; a repaired copy is the same")
    func again() {
        var sent = SentSegments()
        for sequence: UInt64 in 1...100 { sent.insert(name(sequence, atMicros: Int64(sequence))) }
        #expect(!sent.contains(name(1, atMicros: 1000)))
        sent.insert(name(1, atMicros: 1000))
        #expect(sent.contains(name(1, atMicros: 1000)) && !sent.contains(name(2, atMicros: 1001)))
        #expect(sent.contains(name(50, atMicros: 50, repair: 1)))
        // 101 follows the newer 100, not the old one.
        for sequence: UInt64 in 2...101 { sent.insert(name(sequence, atMicros: 1000 + Int64(sequence))) }
        #expect(sent.runs.count == 2)
        sent.forget(keeping: [name(101, atMicros: 1101)])
        #expect(sent.runs.count == 1 && !sent.contains(name(50, atMicros: 50)))
    }

    @Test("the wait doubles up to its bound, varies by half, and is not less than what the server asks for")
    func delays() {
        let retry = RetryDelay(first: .seconds(1), longest: .seconds(60))
        let waits = (1...10).map { retry.delay(failures: $0, chance: 0, retryAfterSeconds: 0) }
        #expect(Array(waits.prefix(7)) == [0.5, 1, 2, 4, 8, 16, 30].map { Duration.seconds($0) })
        #expect(waits.suffix(3).allSatisfy { $0 == .seconds(30) })
        #expect(retry.delay(failures: Int.max, chance: 0.999, retryAfterSeconds: 0) <= .seconds(60))
        #expect(retry.delay(failures: 1, chance: 0, retryAfterSeconds: 90) == .seconds(90))
        #expect(retry.delay(failures: 1, chance: 0, retryAfterSeconds: Int.max) == .seconds(3600))
        #expect(retry.delay(failures: 9, chance: 0, retryAfterSeconds: 1) == .seconds(30))
    }

    @Test("a position is read as it was saved; a damaged one is said to be so")
    func position() throws {
        let archive = try ExportedArchive()
        let file = ExportPositionFile(archive.source, exporter: "x")
        #expect(try file.load() == nil)
        var position = ExportPosition(place: "somewhere")
        position.sent.insert(name(1, atMicros: 10))
        position.part = ExportPosition.Part(segment: "s", key: "node=n1/…", uploadID: "u/+=", partBytes: 5 << 20)
        position.companionsNs = 7
        for _ in 0..<2 {
            try file.save(position)
            #expect(try file.load() == position)
        }
        // It is no file of the archive.
        #expect(try ArchiveReader(path: archive.directory.path).warnings == [])
        for text in ["", "{", "{\"version\":2}", String(repeating: "x", count: 1 << 16)] {
            TestFile.write(file.path, text)
            #expect(throws: ExportFailure.self) { try file.load() }
        }
    }

    @Test("a failure is one line of bounded length")
    func failure() {
        let failure = ExportFailure(.server, "a\r\n\u{1B}[31mb\u{202E}" + String(repeating: "x", count: 10_000))
        #expect(failure.message.hasPrefix("a   [31mb x") && failure.message.unicodeScalars.count == 400)
    }
}
