import Synchronization
import TapioTestSupport
import Testing

@testable import TapioKernel

/// A ring in ordinary memory that says whatever a test wants it to.
private final class FakeRing {
    let memory: RingMemory
    let ring: KernelRing
    private var writable: UnsafeMutableRawPointer { UnsafeMutableRawPointer(mutating: memory.data) }

    init(size: Int) {
        memory = RingMemory(zeroedWithSize: size)
        ring = KernelRing(memory: memory, descriptor: Descriptor(owning: -1), cpu: 0, lane: .bulk)
    }

    var producer: UInt64 {
        get { memory.producer.load(as: UInt64.self) }
        set { memory.producer.storeBytes(of: newValue, as: UInt64.self) }
    }
    var consumer: UInt64 {
        get { memory.consumer.load(as: UInt64.self) }
        set { memory.consumer.storeBytes(of: newValue, as: UInt64.self) }
    }

    /// Writes as the kernel would see it: the same bytes in both mappings.
    func set(_ word: UInt32, at position: UInt64) {
        for copy in 0..<2 {
            let at = (Int(truncatingIfNeeded: position) & (memory.size - 1)) + copy * memory.size
            if at + 4 <= 2 * memory.size { writable.storeBytes(of: word, toByteOffset: at, as: UInt32.self) }
        }
    }

    /// Appends a record whose bytes all are `byte`.
    func append(_ byte: UInt8, count: Int, flags: UInt32 = 0) {
        let position = producer
        set(UInt32(count) | flags, at: position)
        for index in 0..<count {
            let at = Int(truncatingIfNeeded: position &+ 8 &+ UInt64(index)) & (memory.size - 1)
            writable.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
            writable.storeBytes(of: byte, toByteOffset: at + memory.size, as: UInt8.self)
        }
        producer = position &+ UInt64((count + 8 + 7) & ~7)
    }

    func drainAll(maxRecords: Int = .max, maxBytes: Int = .max) -> (records: [[UInt8]], result: RingDrain) {
        var records: [[UInt8]] = []
        let result = ring.drain(maxRecords: maxRecords, maxBytes: maxBytes) { record in
            records.append(record.withUnsafeBytes { Array($0) })
        }
        return (records, result)
    }
}

@Suite("Ring memory")
struct KernelRingTests {
    @Test("records come out in order and whole, also where they wrap")
    func wraps() {
        let fake = FakeRing(size: 256)
        var number: UInt8 = 0
        for round in 0..<50 {
            let counts = [1 + round % 60, 9, 24]
            let numbers = counts.map { count -> UInt8 in
                number &+= 1
                fake.append(number, count: count)
                return number
            }
            let (records, result) = fake.drainAll()
            #expect(records == zip(numbers, counts).map { [UInt8](repeating: $0, count: $1) })
            #expect(result.fault == nil)
            #expect(fake.consumer == fake.producer)
        }
        #expect(fake.ring.pendingBytes == 0)
    }

    @Test("a record that is being written stops the drain, a discarded one is passed over")
    func busyAndDiscarded() {
        let fake = FakeRing(size: 256)
        fake.append(1, count: 8)
        fake.append(2, count: 8, flags: RingFormat.discard)
        fake.append(3, count: 8)
        let busyAt = fake.producer
        fake.append(4, count: 8, flags: RingFormat.busy)
        fake.append(5, count: 8)

        let (records, result) = fake.drainAll()
        #expect(records.map(\.first) == [1, 3])
        #expect(result.discarded == 1)
        #expect(result.bytes == 48)
        #expect(fake.ring.pendingBytes == 32)
        fake.set(8, at: busyAt)
        #expect(fake.drainAll().records.map(\.first) == [4, 5])
    }

    @Test("limits of records and bytes are kept")
    func limits() {
        let fake = FakeRing(size: 256)
        for byte in 1...6 { fake.append(UInt8(byte), count: 8) }
        #expect(fake.drainAll(maxRecords: 2).records.map(\.first) == [1, 2])
        #expect(fake.drainAll(maxRecords: 0).records.isEmpty)
        #expect(fake.drainAll(maxBytes: 17).records.map(\.first) == [3, 4])
        #expect(fake.drainAll(maxBytes: 0).records.isEmpty)
        #expect(fake.drainAll().records.map(\.first) == [5, 6])
    }

    @Test(
        "a length that lies ends the drain, is counted, and reading goes on behind it",
        arguments: [25, 249, 256, 0x3fff_ffff, 0x3fff_fff8, 0x1000_0000] as [UInt32]
    )
    func lyingLength(length: UInt32) {
        let fake = FakeRing(size: 256)
        fake.append(1, count: 8)
        let lieAt = fake.producer
        fake.append(2, count: 16)
        fake.set(length, at: lieAt)

        let (records, result) = fake.drainAll()
        #expect(records.map(\.first) == [1])
        #expect(result.fault == .recordLength(length: length, position: lieAt, producer: fake.producer))
        #expect(fake.ring.faults == 1)
        #expect(fake.consumer == fake.producer)
        fake.append(3, count: 8)
        #expect(fake.drainAll().records.map(\.first) == [3])
    }

    @Test(
        "a producer's position that cannot be is refused",
        arguments: [257, 264, 4, .max, 1 << 40, .max - 7] as [UInt64]
    )
    func lyingProducer(position: UInt64) {
        let fake = FakeRing(size: 256)
        fake.producer = position
        let (records, result) = fake.drainAll()
        #expect(records.isEmpty)
        #expect(result.fault == .producerPosition(producer: position, consumer: 0))
        #expect(fake.ring.pendingBytes <= 256)
        fake.producer = position & ~7
        fake.append(9, count: 8)
        #expect(fake.drainAll().records.map(\.first) == [9])
    }

    @Test("no bytes that anybody could write make a drain leave the ring")
    func hostileBytes() {
        var random = SystemRandomNumberGenerator()
        let fake = FakeRing(size: 256)
        for _ in 0..<20_000 {
            // Words that are near the truth are the dangerous ones.
            let interesting: [UInt32] = [0, 8, 16, 240, 248, 249, 255, .max, 1 << 30, 1 << 31, .random(in: 0...600)]
            fake.set(interesting.randomElement(using: &random)!, at: 8 * UInt64.random(in: 0..<32))
            if Bool.random() { fake.producer &+= 8 * UInt64.random(in: 0...33) }
            if Int.random(in: 0..<50) == 0 { fake.producer = .random(in: 0...(.max)) }
            if Int.random(in: 0..<50) == 0 { fake.consumer = .random(in: 0...(.max)) }
            let lower = UInt(bitPattern: fake.memory.data)
            var inside = true
            let result = fake.ring.drain { record in
                record.withUnsafeBytes { bytes in
                    let start = UInt(bitPattern: bytes.baseAddress!)
                    inside = inside && start >= lower && start + UInt(bytes.count) <= lower + 512
                }
            }
            #expect(inside)
            #expect(result.records <= 32)
        }
    }
}
