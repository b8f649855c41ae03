/// How the kernel's scheduler shall treat a thread.
public enum ThreadPriority: Sendable, Equatable {
    /// As the thread that starts it.
    case inherited
    /// A share of CPU time by nice value, -20 (greatest) to 19. Below the current value needs CAP_SYS_NICE.
    case nice(Int)
    /// SCHED_FIFO, 1 to 99: before every thread without real-time priority. Needs CAP_SYS_NICE; a thread that spins at
    /// it starves its CPU.
    case realtime(Int)
}
