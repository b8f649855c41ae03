import Glibc
import TapioArchive
public import TapioEvents
import TapioPipeline

/// Feeds a recording through the pipeline into an archive of its own.
///
/// The same version, with the same recording, writes the same files, byte for byte. The configuration is the recording's.
public struct Replay: Sendable {
    /// What came of a replay.
    public struct Report: Sendable, Hashable {
        /// The node whose events they are.
        public var node: String
        /// Records that were read.
        public var records: UInt64
        /// Records that the recording had no room for.
        public var dropped: UInt64
        /// Records that the checks refused, as they did in the agent.
        public var malformed: UInt64
        /// Rows of events in the archive.
        public var rows: UInt64
        /// Its segments.
        public var segments: Int
    }

    /// Called with bytes done and in all: the recording is read twice.
    public typealias Progress = (_ done: Int64, _ total: Int64) -> Void

    private let registry: SchemaRegistry

    /// A replay of records of these kinds.
    public init(registry: SchemaRegistry) {
        self.registry = registry
    }

    /// Reads the recording at `path` and writes its rows into the archive at `root`, in which the node has none yet.
    ///
    /// - Throws: ``RecordingError`` where the recording is damaged or of another version, before anything is written;
    ///   ``ArchiveOpenError``, ``ArchiveWriteError`` or `FileError` where the archive can't be.
    public func run(_ path: String, into root: String, progress: Progress = { _, _ in }) throws -> Report {
        let answers = try ReplayAnswers(path) { done, total in progress(done / 2, total) }
        let facts = try RecordingFacts(answers.facts, path: path, registry: registry)
        try requireEmpty("\(root)/node=\(facts.node)")
        let clock = ReplayClock()
        let offset = ClockOffset(utcMinusBootNs: facts.clockOffsetNs)
        clock.set(monotonicNs: 0, utcNs: offset.utcNanoseconds(boot: facts.startedBootNs))
        let archive = try Archive.open(root: root, options: options(facts, clock: clock))
        let ledger = Ledger()
        let writer = ReplayWriter(
            archive,
            registry: registry,
            ledger: ledger,
            clock: offset,
            nowNs: facts.startedBootNs
        )
        writer.note(row(.start, "replayed", at: facts.startedBootNs, facts))
        let reader = ReplayReader(
            registry: registry,
            ledger: ledger,
            settings: facts.settings,
            answers: answers
        ) { batch in
            try writer.write(batch)
        }
        var recording = try RecordingReader(path)
        while let frame = try recording.next() {
            if case .clock(let new) = frame {
                try follow(ClockOffset(utcMinusBootNs: new), archive, writer, reader, facts)
            }
            try reader.take(frame)
            writer.nowNs = max(writer.nowNs, reader.latestNs)
            clock.set(
                monotonicNs: Int64(clamping: reader.monotonicNs),
                utcNs: writer.clock.utcNanoseconds(boot: writer.nowNs)
            )
            progress((recording.progress.total + recording.progress.done) / 2, recording.progress.total)
        }
        try reader.finish()
        try writer.finish(answers.counts, row(.stop, "replayed", at: writer.nowNs, facts))
        let kinds = registry.schemas.map(\.kind).filter { $0 != .ledger }
        return Report(
            node: facts.node,
            records: answers.totals.records,
            dropped: answers.totals.dropped,
            malformed: kinds.reduce(0) { $0 + ledger.value(.malformed, $1) },
            rows: kinds.reduce(0) { $0 + ledger.value(.archived, $1) },
            segments: archive.segments.count
        )
    }

    private func options(_ facts: RecordingFacts, clock: ReplayClock) -> ArchiveOptions {
        var options = ArchiveOptions(schema: registry.parquetSchema, identity: facts.identity)
        options.sync = .segment
        options.rotation = facts.rotation
        options.retention.maxBytes = nil
        options.retention.maxAgeNs = nil
        options.retention.minFreeShare = nil
        options.sealing = .byCaller
        options.clock = clock
        return options
    }

    /// Two replays into one place would be two runs of one id, and neither the same as the other.
    private func requireEmpty(_ directory: String) throws {
        do throws(FileError) {
            if try PosixFileSystem().list(directory).isEmpty { return }
        } catch {
            if error.code == ENOENT { return }
            throw error
        }
        throw RecordingError("\(directory) is there already: replay into a new archive")
    }

    private func follow(
        _ offset: ClockOffset,
        _ archive: Archive,
        _ writer: ReplayWriter,
        _ reader: ReplayReader,
        _ facts: RecordingFacts
    ) throws {
        let (step, isFar) = offset.utcMinusBootNs.subtractingReportingOverflow(writer.clock.utcMinusBootNs)
        guard !isFar else {
            throw RecordingError("the recording's clock was set by more than 292 years: it is damaged")
        }
        // The first one says what the facts said.
        guard step != 0 else { return }
        // Rows so far are of the time before.
        try reader.take(.clock(offset.utcMinusBootNs))
        writer.clock = offset
        var identity = facts.identity
        identity.clockOffsetNs = offset.utcMinusBootNs
        archive.setIdentity(identity)
        var row = LedgerRow(.clock, fromNs: writer.nowNs, toNs: writer.nowNs)
        row.stage = "agent"
        row.reason = "clock_set"
        row.note = "UTC minus boot time is now \(offset.utcMinusBootNs) ns, a change of \(step) ns"
        writer.note(row)
    }

    private func row(_ entry: LedgerRow.Entry, _ reason: String, at ns: Int64, _ facts: RecordingFacts) -> LedgerRow {
        var row = LedgerRow(entry, fromNs: ns, toNs: ns)
        row.stage = "agent"
        row.reason = reason
        row.configHash = entry == .start ? facts.configuration : nil
        row.note = "tapio \(facts.tapio), run \(facts.runID), from a recording"
        return row
    }
}
