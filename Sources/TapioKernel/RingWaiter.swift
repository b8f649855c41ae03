import CTapioSystem
import Glibc
import TapioBPF

/// Puts the reader to sleep until an urgent event, a bulk ring that fills up, a stop or a timeout.
///
/// Programs wake a CPU's reader only if it has said that it sleeps, once per CPU and sleep
/// (`ControlPage.setReaderWaiting`). Readers of different CPUs sleep and wake independently.
public final class RingWaiter: Sendable {
    /// Why a wait ended.
    public enum Wake: Sendable, Equatable {
        /// Nothing happened for the whole time.
        case timeout
        /// An urgent ring has something to read, or a bulk ring is filled to an eighth.
        case urgent
        /// `stop()` was called, now or before.
        case stopped
    }

    private let epoll: Descriptor
    private let stopEvent: Descriptor
    private let rings: [KernelRing]
    private let waitingCPUs: [Int]
    private let plane: KernelPlane

    private static let ringTag: UInt32 = 0
    private static let stopTag: UInt32 = 1

    /// Watches the rings of `cpus`; nil: of all.
    public init(plane: KernelPlane, cpus: Set<Int>? = nil) throws(KernelError) {
        self.plane = plane
        rings = plane.rings.filter { cpus?.contains($0.cpu) ?? true }
        waitingCPUs = Set(rings.map(\.cpu)).sorted()
        epoll = Descriptor(owning: try Self.checked(tapio_epoll_create(), "create epoll"))
        stopEvent = Descriptor(owning: try Self.checked(tapio_eventfd_create(), "create eventfd"))
        // By edges: a ring that still holds data after a wake-up must not end every later wait.
        for ring in rings {
            _ = try Self.checked(tapio_epoll_add(epoll.number, ring.descriptor, Self.ringTag, true), "watch a ring")
        }
        // By level: once stopped, stopped.
        _ = try Self.checked(tapio_epoll_add(epoll.number, stopEvent.number, Self.stopTag, false), "watch eventfd")
    }

    /// Sleeps for at most `milliseconds`; does not sleep at all where an end of ``Wake/urgent`` is due already. A signal may
    /// end it early, as a timeout.
    public func wait(milliseconds: Int32) -> Wake {
        for cpu in waitingCPUs { plane.control.setReaderWaiting(true, cpu: cpu) }
        defer { for cpu in waitingCPUs { plane.control.setReaderWaiting(false, cpu: cpu) } }
        // What was submitted before programs could see that we sleep wakes nobody.
        let pending = rings.contains { ring in
            ring.pendingBytes > (ring.lane == .urgent ? 0 : ring.size / Int(TAPIO_WAKE_PART))
        }
        let tags = tapio_epoll_wait(epoll.number, pending ? 0 : milliseconds)
        if tags > 0, tags & 1 << Int64(Self.stopTag) != 0 { return .stopped }
        return pending || tags > 0 ? .urgent : .timeout
    }

    /// Ends the wait in progress and all later ones. Any thread.
    public func stop() {
        _ = tapio_eventfd_signal(stopEvent.number)
    }

    private static func checked(_ result: Int32, _ action: String) throws(KernelError) -> Int32 {
        guard result >= 0 else { throw KernelError(code: -result, action: action, subject: "for the reader") }
        return result
    }
}
