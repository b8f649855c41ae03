import CTapioSystem

/// The kernel's id of the calling thread.
public func currentThreadID() -> Int32 { tapio_gettid() }

/// Names the calling thread, with up to 15 bytes.
public func setThreadName(_ name: String) { _ = tapio_set_thread_name(name) }
