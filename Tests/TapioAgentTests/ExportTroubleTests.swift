import TapioArchive
import Testing

@testable import TapioAgent

@Suite("Trouble with the archive is told once")
struct ExportTroubleTests {
    private let second: Int64 = 1_000_000_000

    @Test("the first failure of each reason is told, its repetitions are not")
    func told() {
        var trouble = ExportTrouble()
        let reasons: [ArchiveWriteError.Reason] = [.noSpace, .noSpace, .inputOutput, .noSpace]
        let told = reasons.enumerated().map { trouble.fail($0.element, nowNs: Int64($0.offset)) }
        #expect(told == [true, false, true, false])
        #expect(trouble.reason == .noSpace)
    }

    @Test("it ends with a success and a while without failures, once, and tells what it cost")
    func ends() {
        var trouble = ExportTrouble()
        let none = trouble.end(nowNs: 0)
        #expect(none == nil)
        _ = trouble.fail(.readOnly, nowNs: 10 * second)
        trouble.lose(rows: 7)
        _ = trouble.fail(.readOnly, nowNs: 12 * second)
        #expect(trouble.needsTry)
        let early = trouble.end(nowNs: 100 * second)
        #expect(early == nil, "nothing was written yet")
        trouble.succeed(rescued: 3)
        #expect(!trouble.needsTry)
        let soon = trouble.end(nowNs: 16 * second)
        #expect(soon == nil, "a while has not passed")
        let past = trouble.end(nowNs: 17 * second)
        #expect(past?.lastedNs == 2 * second && past?.hasPassed == true)
        #expect(past?.cost == .init(lostBatches: 1, lostRows: 7, rescuedBatches: 1, rescuedRows: 3))
        let again = trouble.end(nowNs: 18 * second)
        #expect(again == nil)
        let isTold = trouble.fail(.readOnly, nowNs: 20 * second)
        #expect(isTold, "the next one is told again")
    }

    @Test("a disk on which some writes succeed and others fail is one trouble")
    func flapping() {
        var trouble = ExportTrouble()
        var told = 0
        for step in 0..<100 {
            if trouble.fail(.noSpace, nowNs: Int64(step) * second) { told += 1 }
            trouble.succeed()
            let past = trouble.end(nowNs: Int64(step) * second + second / 2)
            #expect(past == nil)
        }
        #expect(told == 1)
    }

    @Test("one that lasts to the end says so")
    func last() {
        var trouble = ExportTrouble()
        _ = trouble.fail(.inputOutput, nowNs: 0)
        let past = trouble.end(nowNs: 1, isLast: true)
        #expect(past?.hasPassed == false)
    }

    @Test("messages of a sort pass once a minute, with the number of those that did not")
    func repeats() {
        var gate = RepeatGate()
        let passed = [("a", 0), ("a", 1), ("b", 2), ("a", 59), ("a", 61), ("a", 130)].map {
            gate.pass($0.0, nowNs: Int64($0.1) * second)
        }
        #expect(passed[0] == "" && passed[2] == "" && passed[5] == "")
        #expect(passed[1] == nil && passed[3] == nil)
        #expect(passed[4]?.contains("2 more") == true)
    }
}
