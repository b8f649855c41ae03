import TapioEvents

/// A reader's side of the live view: copies records while somebody watches. Owned by the reader's thread.
struct TapWriter {
    private let tap: EventTap
    private var chunk: RowBatch?

    init(_ tap: EventTap) {
        self.tap = tap
    }

    /// Whether somebody watches: asked once for each drain, so that records cost nothing while nobody does.
    mutating func begin() -> Bool { tap.isWatched }

    /// Copies a record that was checked, and what is known beside it.
    mutating func append(_ record: RawSpan, _ id: EnrichmentID = .none) {
        if let chunk {
            if chunk.append(record, enrichmentID: id) { return }
            flush()
        }
        guard let fresh = tap.takeChunk() else { return tap.skip(1) }
        chunk = fresh
        _ = fresh.append(record, enrichmentID: id)
    }

    /// Hands over what was copied.
    mutating func flush() {
        guard let chunk, !chunk.isEmpty else { return }
        tap.offer(chunk)
        self.chunk = nil
    }
}
