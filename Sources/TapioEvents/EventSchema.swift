/// Declares one kind, once: columns of the archive, JSON, the query language's fields and the docs all come from it.
public struct EventSchema: Sendable, Hashable {
    /// The kind's number.
    public let kind: EventKind
    /// Its name, such as `process_exec`: the value of the column `kind`.
    public let name: String
    /// The collector that emits it.
    public let collector: String
    /// Its priority, the same in the kernel program.
    public let priority: Priority
    /// One line of documentation.
    public let summary: String
    /// Bytes of the fixed part of its record, header included.
    public let fixedSize: Int
    /// The payload's fields. Those of the header are common to all kinds (``HeaderFields``).
    public let fields: [Field]
    /// How its events are merged when there are too many; nil: they never are.
    public let aggregation: Aggregation?
    /// Where its records say who the other end is, which gives it the fields of ``RemoteColumn``; nil: they don't.
    public let remote: RemoteEnd?
    /// Where its records give names to addresses; nil: they don't.
    public let names: NameAnswer?

    /// Declares a kind whose record begins with the C struct `Record`.
    ///
    /// - Precondition: `aggregation`, if there is one, can be resolved; see ``AggregationKey``.
    public init<Record>(
        _ kind: EventKind,
        _ name: String,
        collector: String,
        priority: Priority,
        record: Record.Type,
        _ summary: String,
        fields: [Field],
        aggregation: Aggregation? = nil,
        remote: RemoteEnd? = nil,
        names: NameAnswer? = nil
    ) {
        self.kind = kind
        self.name = name
        self.collector = collector
        self.priority = priority
        self.summary = summary
        self.fixedSize = MemoryLayout<Record>.size
        self.fields = fields + (remote == nil ? [] : RemoteColumn.fields)
        self.aggregation = aggregation
        self.remote = remote
        self.names = names
        if let aggregation { _ = AggregationKey(aggregation, of: self) }
    }

    /// Offsets of the `tapio_string`s in the fixed part: a record without any has exactly `fixedSize` bytes.
    public var stringOffsets: [Int] {
        fields.compactMap { field in
            switch field.source {
            case .string(let at), .list(let at, _), .dns(let at, .name): at
            default: nil
            }
        }
    }
}
