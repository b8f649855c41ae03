public import Synchronization

/// What a drain found wrong in ring memory.
public enum RingFault: Error, Sendable, Equatable {
    /// The producer's position is behind the consumer's, too far ahead of it, or not a multiple of 8.
    case producerPosition(producer: UInt64, consumer: UInt64)
    /// A record claims to reach beyond what the producer has written.
    case recordLength(length: UInt32, position: UInt64, producer: UInt64)
}

/// What one drain did.
public struct RingDrain: Sendable {
    /// Records that were handed over.
    public var records = 0
    /// Bytes of ring that were given back, headers included.
    public var bytes = 0
    /// Reservations that their program discarded.
    public var discarded = 0
    /// Why reading had to skip to the producer's position; nil where all was well.
    public var fault: RingFault?

    @inlinable init() {}
}

/// One ring of the kernel, read by one thread at a time.
///
/// Ring memory is never trusted: a length or position that cannot be true ends the drain with a fault, and reading goes
/// on at the producer's position. Nothing outside the mapping is ever read.
///
/// Invariant of the unsafe code: `memory` outlives the pointers and `data` has 2 × `size` readable bytes; only the
/// drain moves the consumer's position, and `draining` lets one in at a time.
@safe
public final class KernelRing: @unchecked Sendable {
    /// The CPU whose programs write this ring.
    public let cpu: Int
    /// The lane that it carries.
    public let lane: RingLane
    /// Capacity, bytes: a power of two.
    public let size: Int
    /// The map, readable for epoll after a forced wake-up; none for rings that tests make.
    private let map: Descriptor
    var descriptor: Int32 { map.number }

    @usableFromInline let consumer: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline let producer: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline let data: UnsafeRawPointer
    @usableFromInline let draining = Atomic<Bool>(false)
    @usableFromInline let faultCount = Atomic<UInt64>(0)
    private let memory: RingMemory

    init(memory: RingMemory, descriptor: consuming Descriptor, cpu: Int, lane: RingLane) {
        self.memory = memory
        map = descriptor
        self.cpu = cpu
        self.lane = lane
        size = memory.size
        unsafe consumer = memory.consumer.assumingMemoryBound(to: Atomic<UInt64>.self)
        unsafe producer = memory.producer.assumingMemoryBound(to: Atomic<UInt64>.self)
        unsafe data = memory.data
    }

    /// Bytes that are reserved or written and not yet given back; at most `size`. Any thread.
    public var pendingBytes: Int {
        // The consumer first: the other way round the difference could be negative.
        let from = unsafe consumer.pointee.load(ordering: .acquiring)
        // Sequentially consistent, since the reader asks after it has set `reader_waiting`.
        let to = unsafe producer.pointee.load(ordering: .sequentiallyConsistent)
        return Int(clamping: min(to &- from, UInt64(size)))
    }

    /// How often the memory did not make sense. Any thread.
    public var faults: UInt64 {
        faultCount.load(ordering: .relaxed)
    }

    /// Hands over what is complete, in order, until there is no more or a limit is reached; then gives the space back
    /// to the kernel. The bytes are gone when `body` returns. O(records), no allocation.
    ///
    /// - Parameters:
    ///   - maxRecords: At most this many records.
    ///   - maxBytes: No record is begun after this many bytes of ring.
    ///   - body: Gets each record's bytes, aligned to 8.
    @inlinable
    public func drain(maxRecords: Int = .max, maxBytes: Int = .max, _ body: (RawSpan) -> Void) -> RingDrain {
        precondition(!draining.exchange(true, ordering: .acquiring), "a ring is drained by one thread at a time")
        defer { draining.store(false, ordering: .releasing) }

        var result = RingDrain()
        let start = unsafe consumer.pointee.load(ordering: .relaxed)  // only a drain writes it
        // Pairs with smp_store_release(&rb->producer_pos) in the kernel's reserve: headers up to here are written.
        let limit = unsafe producer.pointee.load(ordering: .acquiring)
        guard limit != start else { return result }
        guard limit &- start <= UInt64(size), limit & 7 == 0, start & 7 == 0 else {
            result.fault = .producerPosition(producer: limit, consumer: start)
            skip(to: limit & ~7)
            return result
        }
        let mask = UInt64(size - 1)
        let publishEvery = UInt64(size / 4)
        var position = start
        var published = start

        while position != limit, result.records < maxRecords, position &- start < UInt64(clamping: maxBytes) {
            let header = unsafe data + Int(position & mask)
            // Pairs with xchg(&hdr->len) in the kernel's commit: the record's bytes are written before.
            let word = unsafe header.assumingMemoryBound(to: Atomic<UInt32>.self).pointee.load(ordering: .acquiring)
            if word & RingFormat.busy != 0 { break }
            let length = word & ~RingFormat.discard
            let step = (UInt64(length) + RingFormat.headerBytes + 7) & ~7
            guard step <= limit &- position else {
                result.fault = .recordLength(length: length, position: position, producer: limit)
                result.bytes = Int(truncatingIfNeeded: position &- start)
                skip(to: limit)
                return result
            }
            if word & RingFormat.discard == 0 {
                let payload = unsafe UnsafeRawBufferPointer(
                    start: header + Int(RingFormat.headerBytes),
                    count: Int(length)
                )
                body(unsafe payload.bytes)
                result.records += 1
            } else {
                result.discarded += 1
            }
            position &+= step
            if position &- published >= publishEvery {
                // As below; in a full ring the programs get room before the drain is over.
                unsafe consumer.pointee.store(position, ordering: .releasing)
                published = position
            }
        }
        // Pairs with smp_load_acquire(&rb->consumer_pos) in the kernel's reserve: our reads are over before it writes.
        unsafe consumer.pointee.store(position, ordering: .releasing)
        result.bytes = Int(truncatingIfNeeded: position &- start)
        return result
    }

    /// Gives up what cannot be read, after a fault.
    @usableFromInline
    func skip(to position: UInt64) {
        faultCount.add(1, ordering: .relaxed)
        unsafe consumer.pointee.store(position, ordering: .releasing)
    }
}

/// The header of each reservation: 32 bits of length with two flags, 32 bits for the kernel (include/uapi/linux/bpf.h).
@usableFromInline
enum RingFormat {
    @usableFromInline static let busy: UInt32 = 1 << 31
    @usableFromInline static let discard: UInt32 = 1 << 30
    @usableFromInline static let headerBytes: UInt64 = 8
}
