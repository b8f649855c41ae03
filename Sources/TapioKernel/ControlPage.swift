import Glibc
import Synchronization
import TapioBPF

/// The settings that running programs read, in memory shared with the kernel (`struct tapio_control`). Any thread may
/// use it; each access is one atomic load or store.
///
/// Invariant of the unsafe code: `words` is a mapping of the whole value that lives as long as this object, of 32-bit
/// fields only, which both sides access by whole aligned words.
@safe
public final class ControlPage: @unchecked Sendable {
    private let words: UnsafeMutablePointer<Atomic<UInt32>>
    private let mappedBytes: Int

    private static let modeIndex = MemoryLayout<tapio_control>.offset(of: \.mode)! / 4
    private static let readerWaitingIndex = MemoryLayout<tapio_control>.offset(of: \.reader_waiting)! / 4
    private static let agentPidIndex = MemoryLayout<tapio_control>.offset(of: \.agent_pid)! / 4
    private static let saltIndex = MemoryLayout<tapio_control>.offset(of: \.salt)! / 4

    /// Maps value 0 of the map `tapio_control`.
    init(mapping descriptor: Int32) throws(KernelError) {
        let page = Int(getpagesize())
        mappedBytes = (MemoryLayout<tapio_control>.size + page - 1) / page * page
        let memory = unsafe mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw KernelError(code: errno, action: "map into memory", subject: "tapio_control")
        }
        unsafe words = memory.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    deinit {
        unsafe munmap(words, mappedBytes)
    }

    /// The fraction of TAPIO_KEEP_ALL (2^30) that means: keep every event.
    public static let keepAll = UInt32(1) << 30

    /// Keep probability of a kind, as a fraction of `keepAll`.
    public func keep(kind: UInt8) -> UInt32 {
        unsafe words[Int(kind)].load(ordering: .relaxed)
    }

    /// Sets the keep probability of a kind, as a fraction of `keepAll`; greater values mean `keepAll`. 0 keeps none.
    /// Events of critical priority are kept whatever it is.
    public func setKeep(_ fraction: UInt32, kind: UInt8) {
        // Relaxed: a program that runs now may use either; each record carries the value that was used.
        unsafe words[Int(kind)].store(min(fraction, Self.keepAll), ordering: .relaxed)
    }

    /// Who draws the lot for events of a kind that are not all kept.
    public func mode(kind: UInt8) -> SamplingMode {
        let number = unsafe words[Self.modeIndex + Int(kind)].load(ordering: .relaxed)
        return number == SamplingMode.process.number ? .process : .independent
    }

    /// Sets who draws the lot for events of a kind that are not all kept.
    public func setMode(_ mode: SamplingMode, kind: UInt8) {
        unsafe words[Self.modeIndex + Int(kind)].store(mode.number, ordering: .relaxed)
    }

    /// Makes the processes' lots those of this run only; random from the start.
    public var salt: UInt32 {
        get { unsafe words[Self.saltIndex].load(ordering: .relaxed) }
        set { unsafe words[Self.saltIndex].store(newValue, ordering: .relaxed) }
    }

    /// The process whose events are filtered; 0 for none.
    public var agentPid: UInt32 {
        get { unsafe words[Self.agentPidIndex].load(ordering: .relaxed) }
        set { unsafe words[Self.agentPidIndex].store(newValue, ordering: .relaxed) }
    }

    /// Whether the next urgent event of a CPU wakes its reader. Programs clear it as they wake.
    public func isReaderWaiting(cpu: Int) -> Bool {
        unsafe words[Self.readerWaitingIndex(cpu)].load(ordering: .relaxed) != 0
    }

    /// Says that the reader of a CPU is about to sleep, or that it no longer does.
    ///
    /// CPUs whose numbers are a multiple of 512 apart share a word: a reader that wakes may then take it from another, which
    /// finds what is urgent at the end of its sleep.
    public func setReaderWaiting(_ isWaiting: Bool, cpu: Int) {
        // Sequentially consistent: the reader's check of the rings that follows must not pass it. Its pair is the
        // program's reservation, whose atomic count stands between the producer position and the look here.
        unsafe words[Self.readerWaitingIndex(cpu)].store(isWaiting ? 1 : 0, ordering: .sequentiallyConsistent)
    }

    private static func readerWaitingIndex(_ cpu: Int) -> Int {
        readerWaitingIndex + cpu & (Int(TAPIO_WAIT_SLOTS) - 1)
    }
}
