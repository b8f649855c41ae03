import CTapioSystem

/// The kernel's id of the calling thread.
public func currentThreadID() -> Int32 { tapio_gettid() }
