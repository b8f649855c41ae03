import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import Testing

@testable import TapioPipeline

@Suite("Windows of merged events") struct WindowAggregatorTests {
    private let registry = CollectorRegistry.schemas

    private func summaries(in batch: RowBatch, _ model: AggregationModel) -> [ToldSummary] {
        (0..<batch.rowCount).compactMap { row in
            batch.withRecord(at: row) { record in
                record.uint32(at: RecordCheck.keepOffset) == TAPIO_KEEP_SUMMARY
                    ? ToldSummary(record, model, registry) : nil
            }
        }
    }

    @Test("with room for all groups it does what a dictionary does", arguments: 1...6)
    func model(seed: UInt64) {
        var events = GroupedRecords(registry, seed: seed, variety: 1 + UInt8(seed % 4))
        var model = AggregationModel(registry)
        let window = WindowAggregator(registry, capacity: 65_536)
        #expect(!window.follow { _ in true })
        let batch = RowBatch(limits: RowBatch.Limits())
        for _ in 0..<3 {
            for _ in 0..<Int.random(in: 0...1000, using: &events.source.random) {
                let record = events.next()
                var room = SummaryRoom.unlimited
                let isMerged = window.merges(record.span.bytes, enrichmentID: .none, nowNs: 0, into: batch, room: &room)
                #expect(isMerged == model.merges(record.span.bytes))
            }
            #expect(window.statistics.groups == UInt64(model.groups.count))
            #expect(window.flush(into: batch))
            #expect(window.isEmpty)
            model.flush()
        }
        let expected = model.told.flatMap { key, all in all.map { ToldSummary(key, $0) } }
        let counted = Dictionary(expected.map { ($0, 1) }, uniquingKeysWith: +)
        let found = Dictionary(summaries(in: batch, model).map { ($0, 1) }, uniquingKeysWith: +)
        #expect(found == counted)
        #expect(window.statistics.evictions == 0 && window.statistics.refused == 0)
        #expect(window.statistics.summaries == UInt64(expected.count))
    }

    /// What stands for the events of a group, in rows of their own and in summaries.
    private struct Account: Hashable {
        var events: UInt64 = 0
        var weight: Double = 0
        var measured: UInt64 = 0
        var smallest = Int64.max
        var greatest = Int64.min
        var classes: [Int: UInt64] = [:]

        mutating func add(_ measure: UInt64?) {
            guard let measure else { return }
            measured += 1
            smallest = min(smallest, Int64(measure))
            greatest = max(greatest, Int64(measure))
            classes[MeasureClass.number(of: measure), default: 0] += 1
        }

        mutating func add(_ summary: ToldSummary) {
            events += summary.count
            weight += summary.weight
            guard case .int(let low) = summary.min, case .int(let high) = summary.max,
                case .string(let text) = summary.histogram
            else { return }
            smallest = min(smallest, low)
            greatest = max(greatest, high)
            for part in text.split(separator: " ") {
                let numbers = part.split(separator: ":").map { UInt64($0)! }
                measured += numbers[1]
                classes[Int(numbers[0]), default: 0] += numbers[1]
            }
        }
    }

    @Test(
        "whatever the size and the room, no count, weight or measure gets lost or doubled",
        arguments: [1, 2, 9, 64],
        [0, 1, 1_000]
    )
    func evictions(capacity: Int, rows: Int) {
        var events = GroupedRecords(registry, seed: UInt64(capacity * 31 + rows), variety: 3)
        let model = AggregationModel(registry)
        let window = WindowAggregator(registry, capacity: capacity)
        _ = window.follow { _ in true }
        let batch = RowBatch(limits: RowBatch.Limits())
        var expected: [AggregationModel.Key: Account] = [:]
        var found: [AggregationModel.Key: Account] = [:]
        var merged: [EventKind: UInt64] = [:]
        var passed: UInt64 = 0
        for _ in 0..<20 {
            var room = SummaryRoom(rows: rows, bytes: rows * 300)
            for _ in 0..<100 {
                let bytes = events.next()
                let record = bytes.span.bytes
                let key = model.key(of: record)
                let weight = RecordText.weight(keep: record.uint32(at: RecordCheck.keepOffset))
                expected[key, default: Account()].events += 1
                expected[key]!.weight += weight
                expected[key]!.add(model.measure(of: record))
                if window.merges(record, enrichmentID: .none, nowNs: 0, into: batch, room: &room) { continue }
                passed += 1
                found[key, default: Account()].events += 1
                found[key]!.weight += weight
                found[key]!.add(model.measure(of: record))
            }
            #expect(room.rows >= 0 && room.bytes >= 0)
            #expect(window.statistics.groups <= UInt64(capacity))
            window.takeMerged { merged[$0, default: 0] += $1 }
            if Int.random(in: 0..<10, using: &events.source.random) == 0 { #expect(window.flush(into: batch)) }
        }
        #expect(window.flush(into: batch))
        for summary in summaries(in: batch, model) { found[summary.key, default: Account()].add(summary) }
        #expect(Set(found.keys) == Set(expected.keys))
        for (key, account) in expected {
            #expect(found[key]?.events == account.events)
            #expect(abs((found[key]?.weight ?? 0) - account.weight) <= 1e-9 * account.weight)
            #expect(found[key]?.measured == account.measured)
            #expect(found[key]?.classes == account.classes)
            #expect(found[key]?.smallest == account.smallest && found[key]?.greatest == account.greatest)
        }
        let statistics = window.statistics
        #expect(merged.values.reduce(0, +) + passed == 2000)
        for kind in registry.schemas.map(\.kind) { #expect(batch.mergedCount(of: kind) == merged[kind] ?? 0) }
        #expect(statistics.summaries == UInt64(batch.rowCount))
        if rows > 0 { #expect(statistics.evictions > 0) }
        // With room for a few groups of so many, it is chance whether one is merged before it has to make way.
        if rows == 0 && capacity > 9 { #expect(statistics.refused > 0) }
    }

    @Test("a full batch ends a window in parts")
    func parts() {
        var events = GroupedRecords(registry, seed: 5, variety: 3)
        let model = AggregationModel(registry)
        let window = WindowAggregator(registry, capacity: 5000)
        _ = window.follow { _ in true }
        var merged: UInt64 = 0
        let spare = RowBatch(limits: RowBatch.Limits(rows: 5000))
        for _ in 0..<6_000 {
            var room = SummaryRoom.unlimited
            let record = events.next()
            if window.merges(record.span.bytes, enrichmentID: .none, nowNs: 0, into: spare, room: &room) { merged += 1 }
        }
        var told = summaries(in: spare, model).reduce(UInt64(0)) { $0 + $1.count }
        var batches = 0
        while !window.isEmpty {
            let batch = RowBatch(limits: RowBatch.Limits(rows: 100))
            #expect(window.flush(into: batch) == window.isEmpty)
            told += summaries(in: batch, model).reduce(UInt64(0)) { $0 + $1.count }
            batches += 1
        }
        #expect(told == merged)
        #expect(batches > 2)
    }

    @Test("a window is due by its first group's time, and an empty one never")
    func due() {
        var events = GroupedRecords(registry, seed: 6, variety: 3)
        let window = WindowAggregator(registry, capacity: 10)
        _ = window.follow { _ in true }
        let batch = RowBatch(limits: RowBatch.Limits(rows: 100))
        #expect(!window.isDue(nowNs: .max, windowNs: 1))
        func add(at nowNs: UInt64) {
            var room = SummaryRoom.unlimited
            let record = events.next()
            _ = window.merges(record.span.bytes, enrichmentID: .none, nowNs: nowNs, into: batch, room: &room)
        }
        add(at: 100)
        add(at: 140)
        #expect(!window.isDue(nowNs: 149, windowNs: 50))
        #expect(window.isDue(nowNs: 150, windowNs: 50))
        // A clock that goes back makes nothing due.
        #expect(!window.isDue(nowNs: 50, windowNs: 50))
        #expect(window.flush(into: batch))
        #expect(!window.isDue(nowNs: .max, windowNs: 50))
        add(at: 1000)
        #expect(!window.isDue(nowNs: 1049, windowNs: 50))
    }

    @Test("kinds that are not to be aggregated pass, and one that no longer is ends the window")
    func follow() {
        var events = GroupedRecords(registry, seed: 7, variety: 1)
        let window = WindowAggregator(registry, capacity: 100)
        let exit = EventKind(Int(TAPIO_KIND_PROCESS_EXIT))
        #expect(!window.isActive)
        #expect(!window.follow { $0 == exit || $0 == .ledger })
        #expect(window.isActive)
        let batch = RowBatch(limits: RowBatch.Limits(rows: 10_000))
        var merged: Set<UInt8> = []
        for _ in 0..<3000 {
            var room = SummaryRoom.unlimited
            let record = events.next()
            if window.merges(record.span.bytes, enrichmentID: .none, nowNs: 0, into: batch, room: &room) {
                merged.insert(record[RecordCheck.kindOffset])
            }
        }
        #expect(merged == [exit.rawValue])
        #expect(!window.follow { _ in true })
        #expect(window.follow { $0 != exit })
        #expect(!window.follow { $0 != exit })
    }

    @Test("a group of which much was merged outlives those of which nothing was")
    func secondChance() {
        var source = RandomRecords(registry, seed: 8)
        let fork = registry.schema(named: "process_fork")!
        let window = WindowAggregator(registry, capacity: 8)
        _ = window.follow { $0 == fork.kind }
        let batch = RowBatch(limits: RowBatch.Limits(rows: 10_000))
        func merges(_ cgroup: UInt64) -> Bool {
            var record = source.next(fork)
            var room = SummaryRoom.unlimited
            withUnsafeBytes(of: cgroup) { for (index, byte) in $0.enumerated() { record[16 + index] = byte } }
            for index in 0..<4 { record[36 + index] = 0 }
            for index in 0..<16 { record[48 + index] = 0 }
            record[47] = fork.priority.rawValue
            for (index, byte) in [0, 0, 0, 0x40].enumerated() { record[RecordCheck.keepOffset + index] = UInt8(byte) }
            return window.merges(record.span.bytes, enrichmentID: .none, nowNs: 0, into: batch, room: &room)
        }
        #expect(!merges(0))
        for other in 1...1000 as ClosedRange<UInt64> {
            #expect(merges(0))
            #expect(!merges(other))
        }
        #expect(window.statistics.evictions == 993)
        // One-off groups went, and said nothing; the busy one has all to tell.
        #expect(window.statistics.summaries == 0)
        #expect(window.flush(into: batch))
        #expect(batch.summaryCount(of: fork.kind) == 1)
        #expect(batch.mergedCount(of: fork.kind) == 1000)
    }

    @Test("summaries become rows with the columns of their key and nulls elsewhere, beside rows of events")
    func rows() throws {
        var events = GroupedRecords(registry, seed: 9, variety: 2)
        let window = WindowAggregator(registry, capacity: 300)
        _ = window.follow { _ in true }
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_123_456_789)
        let batch = RowBatch(limits: RowBatch.Limits())
        for _ in 0..<1500 {
            var room = SummaryRoom.unlimited
            let record = events.next()
            if !window.merges(
                record.span.bytes,
                enrichmentID: EnrichmentID(owner: 1),
                nowNs: 0,
                into: batch,
                room: &room
            ) {
                #expect(batch.append(bytes: record))
            }
        }
        #expect(window.flush(into: batch))
        batch.enrichment = EnrichmentTable(entries: [["c", "p", "n", "s"].map { Array($0.utf8) }])
        let encoder = BatchEncoder(registry: registry)
        _ = encoder.encode(batch, clock: clock)
        let encoded = encoder.encode(batch, clock: clock)
        let decoded = try DecodedGroup(encoded, registry: registry)
        var expected: [EventValue: [String: EventValue]] = [:]
        for row in 0..<batch.rowCount {
            batch.withRecord(at: row) { record in
                let event = RecordDecoder(registry).decode(record, clock: clock)
                var values = Dictionary(uniqueKeysWithValues: event.values.map { ($0.column.name, $0.value) })
                if values["agg_count"] != nil {
                    values.merge(
                        ["container_id": "c", "pod": "p", "namespace": "n", "service": "s"].mapValues { .string($0) }
                    ) { $1 }
                }
                expected[event["seq"]] = values
            }
        }
        #expect(decoded.rows.count == batch.rowCount && expected.count == batch.rowCount)
        for row in decoded.rows where expected[row["seq"]!] != row { #expect(expected[row["seq"]!] == row) }
        let summaries = decoded.rows.filter { $0["agg_count"] != nil }
        #expect(summaries.count > 50)
        #expect(summaries.allSatisfy { $0["child_pid"] == nil && $0["args"] == nil && $0["tcp_state"] == nil })
        // Totals by kind, as the ledger gets them.
        for total in encoded.kinds {
            let rows = decoded.rows.filter { $0["kind"] == .string(total.name) }
            let own = rows.filter { $0["agg_count"] != nil }
            #expect(total.rows == rows.count && total.summaries == own.count)
            #expect(total.aggregatedEvents == batch.mergedCount(of: EventKind(rawValue: total.kind)))
            let weight = rows.reduce(0.0) { sum, row in
                if case .double(let weight) = row["weight"] { sum + weight } else { sum }
            }
            #expect(abs(weight - total.weight) <= 1e-9 * weight)
        }
        #expect(encoded.kinds.map(\.kind) == Set(encoded.kinds.map(\.kind)).sorted())
    }
}
