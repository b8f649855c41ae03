/// The granularity at which CPUs fight over memory.
public enum CacheLine {
    /// Bytes that are kept apart between threads: two 64-byte lines, because x86 prefetches them in pairs and some arm64
    /// CPUs have lines of 128.
    public static let bytes = 128
}
