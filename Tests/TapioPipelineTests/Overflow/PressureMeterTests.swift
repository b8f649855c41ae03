import TapioEvents
import Testing

@testable import TapioPipeline

@Suite("From counts to pressure") struct PressureMeterTests {
    private func pressure(_ change: (inout PipelinePressure) -> Void) -> PipelinePressure {
        var pressure = PipelinePressure()
        pressure.batchBytes = 100
        pressure.queuedBound = 400
        pressure.encodedBound = 1000
        pressure.encodedBatchesBound = 5
        change(&pressure)
        return pressure
    }

    @Test("counts become differences, fills stay what they are")
    func differences() {
        var meter = PressureMeter()
        var counts = PressureMeter.Counts()
        (counts.urgentLost, counts.bulkLost, counts.departed) = (1, 2, 3)
        let first = pressure {
            $0.urgent.taken = 10
            $0.bulk.taken = 20
        }
        _ = meter.reading(first, counts, nowNs: 1)
        (counts.urgentLost, counts.bulkLost, counts.departed) = (1, 7, 103)
        let second = pressure {
            $0.urgent.taken = 15
            $0.bulk.taken = 120
            ($0.bulk.peak, $0.bulk.latest, $0.urgent.peak) = (0.9, 0.1, 0.3)
        }
        let reading = meter.reading(second, counts, nowNs: 2)
        #expect(reading.urgentRings == .init(peak: 0.3, latest: 0, lost: 0, taken: 5))
        #expect(reading.bulkRings == .init(peak: 0.9, latest: 0.1, lost: 5, taken: 100))
        #expect(reading.departed == 100)
        #expect(reading.batches.fill == 0)
        #expect(reading.export.fill == 0)
    }

    @Test("a batch that waits while another is encoded is no backlog; readers that find no place are a full one")
    func batches() {
        for (queued, passes, blocked, fill) in [
            (100, 50, 0, 0.0), (300, 50, 0, 0.5), (0, 50, 50, 1), (0, 50, 25, 0.5), (0, 50, 200, 1),
        ] as [(Int, UInt64, UInt64, Double)] {
            var meter = PressureMeter()
            _ = meter.reading(pressure { ($0.passes, $0.blockedPasses) = (1000, 70) }, PressureMeter.Counts(), nowNs: 1)
            let next = pressure {
                $0.queuedBytes = queued
                ($0.passes, $0.blockedPasses) = (1000 + passes, 70 + blocked)
            }
            #expect(meter.reading(next, PressureMeter.Counts(), nowNs: 2).batches.fill == fill)
        }
    }

    @Test("a batch that is being written is no backlog; more of them are, by number or by bytes")
    func export() {
        for (batches, bytes, fill) in [(1, 5000, 0.0), (2, 100, 0.25), (2, 900, 0.9), (5, 100, 1)]
            as [(Int, Int, Double)]
        {
            var meter = PressureMeter()
            let now = pressure { $0.encoded = EncodedBacklog(batches: batches, bytes: bytes, oldestSentNs: 10) }
            let reading = meter.reading(now, PressureMeter.Counts(), nowNs: 35)
            #expect(reading.export.fill == fill)
            #expect(reading.exportAgeNs == 25)
        }
    }

    @Test("what may wait leaves room for what is filled and encoded, and to urgent its quarter")
    func bound() {
        let pressure = pressure { _ in }
        #expect(pressure.queueBound(total: 1000, inTransit: 2) == 550)
        #expect(pressure.queueBound(total: 200, inTransit: 2) == 100, "a batch can always wait")
    }

    @Test("a ring's peak is told once, its latest fill as long as it holds")
    func ringFill() {
        let fill = RingFill()
        #expect(fill.take() == (0, 0))
        fill.noteAsOnlyWriter(RingFill.fill(3000, of: 4000))
        fill.noteAsOnlyWriter(RingFill.fill(1000, of: 4000))
        #expect(fill.take() == (0.75, 0.25))
        #expect(fill.take() == (0, 0.25))
        fill.noteAsOnlyWriter(RingFill.fill(9000, of: 4000))
        #expect(fill.take() == (1, 1))
    }
}
