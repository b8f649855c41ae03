import Glibc
import Synchronization
import TapioBPF
import TapioEvents
import TapioRings

@testable import TapioPipeline

/// A ring in memory: bounded like the kernel's, and like it it counts what it had no room for.
final class MemorySource: RecordSource {
    private struct State {
        var records: [[UInt8]] = []
        var first = 0
        var bytes = 0
        var sequence: UInt64 = 0
        var refused = 0
    }

    let cpu: Int
    let lane: Lane
    let capacity: Int
    private let state = PosixLocked(State())

    init(cpu: Int, lane: Lane, capacity: Int = 1 << 20) {
        self.cpu = cpu
        self.lane = lane
        self.capacity = capacity
    }

    var pendingBytes: Int { state.withLock { $0.bytes } }

    /// Records that found no room.
    var refused: Int { state.withLock { $0.refused } }

    /// Records that it took.
    var submitted: UInt64 { state.withLock { $0.sequence } }

    /// Writes a record with the ring's next sequence number; false where there is no room.
    @discardableResult
    func submit(_ record: [UInt8]) -> Bool {
        state.withLock { state in
            let size = (record.count + 7) & ~7
            guard state.bytes + size <= capacity else {
                state.refused += 1
                return false
            }
            var record = record
            if record.count >= 16 {
                withUnsafeBytes(of: state.sequence) { bytes in
                    for index in 0..<8 { record[8 + index] = bytes[index] }
                }
            }
            state.sequence += 1
            state.records.append(record)
            state.bytes += size
            return true
        }
    }

    func drain(maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain {
        let taken: [[UInt8]] = state.withLock { state in
            var taken: [[UInt8]] = []
            var bytes = 0
            while taken.count < maxRecords && bytes < maxBytes && state.first < state.records.count {
                let record = state.records[state.first]
                taken.append(record)
                bytes += (record.count + 7) & ~7
                state.first += 1
            }
            state.bytes -= bytes
            if state.first == state.records.count {
                state.records = []
                state.first = 0
            }
            return taken
        }
        var bytes = 0
        for record in taken {
            body(record.span.bytes)
            bytes += (record.count + 7) & ~7
        }
        return SourceDrain(records: taken.count, bytes: bytes)
    }
}

/// Rings in memory with a doorbell that urgent records ring.
final class MemoryPlane: RecordPlane {
    let sources: [MemorySource]
    private let doorbell = Doorbell()
    private let isEnded = Atomic<Bool>(false)

    init(cpus: Int = 1, capacity: Int = 1 << 20) {
        sources = (0..<cpus).flatMap { cpu in
            Lane.allCases.map { MemorySource(cpu: cpu, lane: $0, capacity: capacity) }
        }
    }

    func source(cpu: Int = 0, _ lane: Lane) -> MemorySource {
        sources.first { $0.cpu == cpu && $0.lane == lane }!
    }

    /// Writes a record and wakes the reader where it is urgent.
    @discardableResult
    func submit(_ record: [UInt8], cpu: Int = 0, _ lane: Lane) -> Bool {
        let isTaken = source(cpu: cpu, lane).submit(record)
        if lane == .urgent { doorbell.ring() }
        return isTaken
    }

    /// Writes a record, waiting for room.
    func submitAll(_ record: [UInt8], cpu: Int = 0, _ lane: Lane) {
        while !submit(record, cpu: cpu, lane) { MonotonicClock.sleep(nanoseconds: 200_000) }
    }

    func wait(nanoseconds: UInt64) {
        let _: Void? = doorbell.wait(upTo: .nanoseconds(Int64(nanoseconds))) {
            let isUrgent = sources.contains { $0.lane == .urgent && $0.pendingBytes > 0 }
            return isUrgent || isEnded.load(ordering: .acquiring) ? () : nil
        }
    }

    func endWaits() {
        isEnded.store(true, ordering: .releasing)
        doorbell.ringAll()
    }
}

/// A value behind a POSIX lock. ThreadSanitizer does not see that a contended `Mutex` of the standard library orders
/// accesses; this one it knows.
final class PosixLocked<Value>: @unchecked Sendable {
    // Unchecked: `value` is touched by whoever holds the lock alone.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: Value) {
        self.value = value
        pthread_mutex_init(lock, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body(&value)
    }
}
