import Foundation
import Synchronization
import TapioTestSupport
import Testing

@testable import TapioArchive
@testable import TapioExport

/// Takes segments, and keeps their names. It can be told to hold one back until it is let go.
private final class NoteTarget: ExportTarget {
    struct Log: Sendable {
        var segments: [String] = []
        var isHeld = false
        var isRefusing = false
        var begun = 0
    }

    final class Book: Sendable {
        let log = Mutex(Log())
    }

    let place = "book"
    private let book: Book

    init(_ book: Book) { self.book = book }

    func deliver(
        _ segment: SealedSegment,
        after part: ExportPosition.Part?,
        keep: (ExportPosition.Part) -> Void
    ) throws(ExportFailure) -> Delivery {
        book.log.withLock { $0.begun += 1 }
        while book.log.withLock({ $0.isHeld }) { usleep(1000) }
        if book.log.withLock({ $0.isRefusing }) { throw ExportFailure(.unreachable, "not now") }
        _ = try segment.open()
        book.log.withLock { $0.segments.append("\(segment.facts.name)") }
        return Delivery(rows: segment.facts.totals.rows, bytes: segment.facts.bytes)
    }
}

@Suite("Export: segments that are replaced") struct ExportCompactionTests {
    private let policy: Compaction.Policy = {
        var policy = Compaction.Policy()
        policy.minSegments = 2
        return policy
    }()

    private func exporter(_ archive: ExportedArchive, _ book: NoteTarget.Book) -> RunningExporter {
        RunningExporter { tell in
            SegmentExporter(name: "book", source: archive.source, pace: .fast, tell: tell) { _ in NoteTarget(book) }
        }
    }

    /// Compacts as the agent does.
    private func compact(_ archive: ExportedArchive, _ exporter: SegmentExporter) throws -> SegmentFacts? {
        var compaction = LiveCompaction(archive.archive)
        let positions = try ExportPositions(archive.archive)
        let group = compaction.next(
            policy,
            nowNs: ExportedArchive.noonNs + 24 * ExportedArchive.hourNs,
            use: { name in
                exporter.isDone(with: [name]) && !positions.isUnderWay(name)
                    ? .free(mark: positions.senders(of: name)) : .inUse
            }
        )
        guard let group else { return nil }
        let names = group.map(\.name)
        let isFree = { exporter.isDone(with: names) }
        guard
            case .replaced(let new) = try compaction.compact(group, policy, isFree: isFree, pause: { true })
        else { return nil }
        return new
    }

    @Test("what was sent and became one is not sent again, also by the next start; what follows is sent once")
    func sentOnce() throws {
        let archive = try ExportedArchive()
        let book = NoteTarget.Book()
        var names: [String] = []
        for _ in 0..<5 { names.append("\(try archive.seal().name)") }
        var running: RunningExporter? = exporter(archive, book)
        #expect(running?.awaitSent(5) == true)
        let first = try #require(running).exporter
        let new = try #require(try compact(archive, first))
        #expect(new.totals.rows == 400 && archive.archive.segments.count == 2)
        names.append("\(try archive.seal().name)")
        #expect(running?.awaitSent(6) == true)
        #expect(running?.news.notices.isEmpty == true && running?.news.failures.isEmpty == true)
        running = nil
        let next = exporter(archive, book)
        names.append("\(try archive.seal().name)")
        #expect(next.awaitSent(1))
        #expect(book.log.withLock { $0.segments } == names)
        #expect(next.status.lostSegments == 0)
    }

    @Test("what was not sent is left alone, and so is what is being sent just now")
    func unsent() throws {
        let archive = try ExportedArchive()
        let book = NoteTarget.Book()
        book.log.withLock { $0.isHeld = true }
        var names: [String] = []
        for _ in 0..<4 { names.append("\(try archive.seal().name)") }
        let running = exporter(archive, book)
        #expect(running.wait { _ in book.log.withLock { $0.begun == 1 } })
        #expect(try compact(archive, running.exporter) == nil)
        book.log.withLock {
            $0.isRefusing = true
            $0.isHeld = false
        }
        #expect(running.wait { $0.failuresInARow > 0 })
        #expect(try compact(archive, running.exporter) == nil && archive.archive.segments.count == 4)
        book.log.withLock { $0.isRefusing = false }
        #expect(running.awaitSent(4))
        #expect(try compact(archive, running.exporter) != nil)
        #expect(book.log.withLock { $0.segments } == names)
    }

    @Test("an exporter that starts while segments are merged leaves them, and sends the one that comes of them")
    func startsMeanwhile() throws {
        let archive = try ExportedArchive()
        let book = NoteTarget.Book()
        for _ in 0..<4 { try archive.seal() }
        let merge = SlowMerge(archive.archive, policy)
        #expect(isSoon({ merge.isHeld }))
        let running = exporter(archive, book)
        // The newest is nobody's, and arrives; the others wait.
        #expect(running.wait { $0.sentSegments == 1 && $0.state == .idle })
        merge.release()
        #expect(isSoon({ merge.new != nil }))
        #expect(running.awaitSent(2))
        let names = archive.archive.segments.map { "\($0.name)" }
        #expect(names.count == 2 && names.first == merge.new)
        #expect(book.log.withLock { $0.segments } == [names[1], names[0]])
    }

    private func isSoon(_ condition: () -> Bool) -> Bool {
        let deadline = Deadline(seconds: 30)
        while !deadline.isOver {
            if condition() { return true }
            usleep(2000)
        }
        return false
    }
}

/// A merge on a thread of its own that waits halfway until it is released.
private final class SlowMerge: Sendable {
    private struct State: Sendable {
        var isHeld = false
        var isReleased = false
        var new: String?
    }

    private let state = Mutex(State())

    var isHeld: Bool { state.withLock { $0.isHeld } }
    /// The name of what came of it.
    var new: String? { state.withLock { $0.new } }

    init(_ archive: Archive, _ policy: Compaction.Policy) {
        Thread.detachNewThread { [self] in
            var compaction = LiveCompaction(archive)
            let nowNs = ExportedArchive.noonNs + 24 * ExportedArchive.hourNs
            guard let group = compaction.next(policy, nowNs: nowNs, use: { _ in .free(mark: "") }) else { return }
            let outcome = try? compaction.compact(group, policy, isFree: { true }, pause: { self.pause() })
            guard case .replaced(let new) = outcome else { return }
            state.withLock { $0.new = "\(new.name)" }
        }
    }

    func release() { state.withLock { $0.isReleased = true } }

    private func pause() -> Bool {
        state.withLock { $0.isHeld = true }
        while !state.withLock({ $0.isReleased }) { usleep(1000) }
        return true
    }
}
