import Synchronization
import TapioArchive
public import TapioEvents
import TapioRings

/// Writes a recording while readers read. They hand over what they took and never wait: what finds no place in the file's
/// bound or in the queue before the disk is left out of the recording and counted; events and archive are not touched by it.
public final class Recorder: Sendable {
    /// Bytes that may wait for the disk.
    private static let mostWaiting = 32 << 20

    private struct State {
        var waiting: [(type: UInt8, payload: [UInt8])] = []
        var waitingBytes = 0
        /// Bytes that are in the file or wait for it.
        var acceptedBytes: Int64 = 0
        var totals = RecordingTotals()
        var isEnding = false
        var failure: RecordingError?
    }

    private let path: String
    private let limitBytes: Int64
    private let state = Mutex(State())
    private let bell = Doorbell()
    private let thread: PinnedThread

    /// Begins a recording.
    ///
    /// - Parameters:
    ///   - path: The file; until the recording is whole it has `.part` behind its name. One that is there is replaced.
    ///   - limitBytes: The most bytes of it.
    ///   - facts: What it says of the agent.
    ///   - clock: What makes boot time UTC.
    public init(
        path: String,
        limitBytes: Int64,
        facts: [UInt8],
        clock: ClockOffset
    ) throws(RecordingError) {
        self.path = path
        self.limitBytes = limitBytes
        let file: RecordingFile
        do throws(FileError) {
            file = try RecordingFile(path)
            try file.append(RecordingFrame.magic)
        } catch {
            throw RecordingError("no recording can be made at \(path): \(error)")
        }
        let shared = RecorderBox()
        do throws(ThreadError) {
            thread = try PinnedThread(name: "tapio-record") { shared.run(file) }
        } catch {
            throw RecordingError("no recording can be made: \(error)")
        }
        shared.begin(self)
        _ = submit([.facts(facts), .clock(clock.utcMinusBootNs)], records: 0)
    }

    /// Lets the thread find the recorder once both are there.
    private final class RecorderBox: Sendable {
        private let recorder = Mutex<Recorder?>(nil)
        private let bell = Doorbell()

        func begin(_ recorder: Recorder) {
            self.recorder.withLock { $0 = recorder }
            bell.ringAll()
        }

        func run(_ file: RecordingFile) {
            let found: Recorder? = bell.wait(upTo: .seconds(60)) { self.recorder.withLock { $0 } }
            found?.write(to: file)
            self.recorder.withLock { $0 = nil }
        }
    }

    /// Takes frames that belong together; false where they found no place, and then none is in the recording.
    func submit(_ frames: [RecordingFrame], records: Int) -> Bool {
        let encoded = frames.map { (type: $0.type, payload: $0.payload) }
        let bytes = encoded.reduce(0) { $0 + $1.payload.count + RecordingFrame.headerBytes }
        let isTaken = state.withLock { state in
            guard state.failure == nil, !state.isEnding, state.waitingBytes + bytes <= Self.mostWaiting,
                state.acceptedBytes + Int64(bytes) <= limitBytes
            else {
                state.totals.dropped &+= UInt64(records)
                return false
            }
            state.waiting += encoded
            state.waitingBytes += bytes
            state.acceptedBytes += Int64(bytes)
            state.totals.records &+= UInt64(records)
            return true
        }
        if isTaken { bell.ring() }
        return isTaken
    }

    /// UTC is another time from now on.
    public func update(clock: ClockOffset) { _ = submit([.clock(clock.utcMinusBootNs)], records: 0) }

    /// What is recorded so far.
    public var totals: RecordingTotals { state.withLock { $0.totals } }

    /// Writes what waits and the end, and gives the file its name. Waits for the disk. The readers have ended before.
    ///
    /// - Parameter counts: What the kernel's programs counted.
    /// - Throws: Where the disk failed; then there is no recording.
    public func finish(_ counts: [RecordedCounts]) throws(RecordingError) {
        let last = RecordingFrame.counts(counts)
        state.withLock { state in
            // Small, and nothing adds up without it: it has a place however full the file is.
            state.waiting.append((last.type, last.payload))
            state.isEnding = true
        }
        bell.ringAll()
        thread.join()
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// The thread's work: what waits goes to the file, in order.
    private func write(to file: RecordingFile) {
        var ordinal: UInt64 = 0
        func put(_ frame: (type: UInt8, payload: [UInt8])) throws(FileError) {
            try file.append(RecordingFrame.encode(type: frame.type, payload: frame.payload, ordinal: ordinal))
            ordinal += 1
        }
        do throws(FileError) {
            while true {
                let (frames, isLast): ([(type: UInt8, payload: [UInt8])], Bool) =
                    bell.wait(upTo: .seconds(1)) { self.take() } ?? ([], false)
                for frame in frames { try put(frame) }
                guard isLast else { continue }
                let end = RecordingFrame.end(totals)
                try put((end.type, end.payload))
                return try file.finish()
            }
        } catch {
            file.discard()
            let failure = RecordingError("the recording at \(path) was given up: \(error)")
            state.withLock { state in
                state.failure = failure
                state.waiting = []
                state.waitingBytes = 0
            }
        }
    }

    /// What waits, and whether nothing more comes; nil where nothing waits.
    private func take() -> ([(type: UInt8, payload: [UInt8])], Bool)? {
        state.withLock { state in
            guard !state.waiting.isEmpty || state.isEnding else { return nil }
            defer {
                state.waiting = []
                state.waitingBytes = 0
            }
            return (state.waiting, state.isEnding)
        }
    }
}

/// The file of a recording that is being written.
private final class RecordingFile: Sendable {
    private let path: String
    private let partPath: String
    private let files: PosixFileSystem
    private let file: any WritableFile
    private let end = Mutex<Int64>(0)

    init(_ path: String) throws(FileError) {
        let files = PosixFileSystem()
        let partPath = path + ".part"
        if try files.facts(of: partPath) != nil { try files.remove(partPath) }
        file = try files.create(partPath)
        self.files = files
        self.path = path
        self.partPath = partPath
    }

    func append(_ bytes: [UInt8]) throws(FileError) {
        try end.withLock { end throws(FileError) in
            var written = 0
            while written < bytes.count {
                written += try file.write([.array(bytes)], skipping: written, at: end + Int64(written))
            }
            end += Int64(written)
        }
    }

    func finish() throws(FileError) {
        try file.sync()
        try files.rename(partPath, to: path)
    }

    func discard() { try? files.remove(partPath) }
}
