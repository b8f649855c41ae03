extension [UInt8] {
    /// Appends what a span shows, in one copy.
    mutating func append(_ bytes: Span<UInt8>) {
        // The buffer is the span's own memory, which outlives the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
