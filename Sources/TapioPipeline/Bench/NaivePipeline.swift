private import CZstd
import Glibc
import Synchronization
import TapioEvents
import TapioRings

/// The same work as one would first write it, to compare with: an object with a dictionary for each event, one queue behind
/// a lock, JSON, and a call of zstd for each event.
///
/// It does less than the pipeline: no checks, no order, no columns; what it writes takes many times the space.
struct NaivePipeline {
    let registry: SchemaRegistry
    let directory: String

    /// An event as an object with its fields by name.
    final class Event: Sendable {
        let fields: [String: any Sendable]

        init(_ fields: [String: any Sendable]) {
            self.fields = fields
        }
    }

    /// Measures the first `events` events of the tapes.
    func run(_ tapes: RecordTapes, events: Int) throws -> PipelineBenchmark.Run {
        let place = try ScratchDirectory(in: directory)
        defer { place.remove() }
        let path = "\(place.path)/events.jsonl.zst"
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw EncodeBenchmark.FileError(path: path, errno: errno) }
        defer { close(file) }
        var run = PipelineBenchmark.Run()
        let begin = (wall: MonotonicClock.monotonicNs, cpu: ProcessTime.cpuNs)
        let queue = NaiveQueue()
        let outcome = Mutex((events: 0, bytes: 0, errno: Int32(0)))
        let writer = try PinnedThread(name: "naive-writer") {
            let result = NaivePipeline.write(queue, to: file)
            outcome.withLock { $0 = result }
        }
        let (count, bytes) = read(tapes, most: events, into: queue)
        queue.close()
        writer.join()
        fdatasync(file)
        run.elapsedNs = MonotonicClock.monotonicNs - begin.wall
        run.cpuNs = ProcessTime.cpuNs - begin.cpu
        let written = outcome.withLock { $0 }
        run.events = count
        run.recordBytes = bytes
        run.fileBytes = Int64(written.bytes)
        if written.errno != 0 {
            throw EncodeBenchmark.FileError(path: path, errno: written.errno)
        }
        if written.events != count { run.problems.append("baseline: \(count) events, \(written.events) written") }
        return run
    }

    /// The reading side; the same share of each lane.
    private func read(_ tapes: RecordTapes, most: Int, into queue: NaiveQueue) -> (events: Int, bytes: Int) {
        let decoder = RecordDecoder(registry)
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
        var count = 0
        var bytes = 0
        for tape in tapes.tapes {
            var position = 0
            let share = Int((Double(tape.count) * min(1, Double(most) / Double(max(1, tapes.count)))).rounded(.up))
            let drained = tape.read(from: &position, maxRecords: share, maxBytes: .max) { record in
                queue.push(NaivePipeline.event(record, decoder, clock))
            }
            count += drained.records
            bytes += drained.bytes
        }
        return (count, bytes)
    }

    /// An event by field names.
    static func event(_ record: RawSpan, _ decoder: RecordDecoder, _ clock: ClockOffset) -> Event {
        var fields: [String: any Sendable] = [:]
        for (column, value) in decoder.decode(record, clock: clock).values {
            switch value {
            case .null: break
            case .int(let number), .timestamp(let number): fields[column.name] = number
            case .double(let number): fields[column.name] = number
            case .string(let text): fields[column.name] = text
            }
        }
        return Event(fields)
    }

    // MARK: - The writing side

    private static let bufferBytes = 65_536

    private static func write(_ queue: NaiveQueue, to file: Int32) -> (events: Int, bytes: Int, errno: Int32) {
        let compressor = NaiveCompressor()
        var buffer: [UInt8] = []
        var result = (events: 0, bytes: 0, errno: Int32(0))
        func flush() {
            var from = 0
            while from < buffer.count && result.errno == 0 {
                let count = unsafe buffer.withUnsafeBytes {
                    unsafe Glibc.write(file, $0.baseAddress! + from, $0.count - from)
                }
                if count < 0 && errno != EINTR { result.errno = errno }
                from += max(0, count)
            }
            buffer.removeAll(keepingCapacity: true)
        }
        // The queue goes on to be emptied after an error: its other side must not wait for ever.
        while let event = queue.pop() {
            let frame = compressor.compressed(json(event))
            buffer += frame
            result.events += 1
            result.bytes += frame.count
            if buffer.count >= bufferBytes { flush() }
        }
        flush()
        return result
    }

    /// The event as an object of JSON.
    static func json(_ event: Event) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for (name, value) in event.fields {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            append(name, to: &text)
            text.append(UInt8(ascii: ":"))
            switch value {
            case let value as String: append(value, to: &text)
            case let value as Int64: text += String(value).utf8
            case let value as Double: text += String(value).utf8
            default: text += "null".utf8
            }
        }
        text += "}\n".utf8
        return text
    }

    private static func append(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case ..<0x20: text += "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}

/// Makes a frame of zstd for each event, in a context that is kept.
///
/// Invariant: `context` is only used by the thread that owns it.
@safe private struct NaiveCompressor: ~Copyable {
    private let context: OpaquePointer

    init() {
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("out of memory: cannot make a zstd context") }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    func compressed(_ bytes: [UInt8]) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let written = unsafe bytes.withUnsafeBytes {
                unsafe ZSTD_compressCCtx(context, buffer.baseAddress, bound, $0.baseAddress, $0.count, 1)
            }
            precondition(ZSTD_isError(written) == 0, "zstd has no room for a frame of its own bound")
            count = written
        }
    }
}

/// An array behind a lock.
final class NaiveQueue: Sendable {
    private struct State {
        var events: [NaivePipeline.Event] = []
        var first = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let doorbell = Doorbell()

    /// Events that may wait: bounded, so that the memory of the comparison is.
    private static let most = 65_536

    func push(_ event: NaivePipeline.Event) {
        let _: Void? = doorbell.wait(upTo: .seconds(3600)) {
            state.withLock { $0.events.count - $0.first < Self.most } ? () : nil
        }
        let wasEmpty = state.withLock { state in
            state.events.append(event)
            return state.events.count - state.first == 1
        }
        if wasEmpty { doorbell.ringAll() }
    }

    /// The oldest event; waits for one. Nil after the end.
    func pop() -> NaivePipeline.Event? {
        let found: NaivePipeline.Event?? = doorbell.wait(upTo: .seconds(3600)) {
            state.withLock { state -> NaivePipeline.Event?? in
                guard state.first < state.events.count else { return state.isClosed ? .some(nil) : nil }
                let event = state.events[state.first]
                state.first += 1
                if state.first == 4096 {
                    state.events.removeFirst(state.first)
                    state.first = 0
                }
                return event
            }
        }
        // The other side waits only where the queue was full.
        if state.withLock({ $0.events.count - $0.first == Self.most / 2 }) { doorbell.ringAll() }
        return found ?? nil
    }

    func close() {
        state.withLock { $0.isClosed = true }
        doorbell.ringAll()
    }
}
