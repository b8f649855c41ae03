import TapioEvents

/// How to group the records of one kind: an ``AggregationKey`` as the aggregator's loop reads it.
struct GroupShape {
    /// Places in the table of words: of the key, and of the exceptional one.
    var words: Range<Int32> = 0..<0
    var exceptionalWords: Range<Int32> = 0..<0
    /// Offset of the byte that decides between the two; -1: only one.
    var discriminatorOffset: Int32 = -1
    var discriminatorValue: UInt8 = 0
    /// Offset of the measure; -1: none.
    var measureOffset: Int32 = -1
    var measureMayBeAbsent = false
    /// Bytes of the fixed part, rounded up to 8.
    var fixedBytes: Int32 = 0

    /// The shapes of all kinds, by kind, and the table of words.
    static func all(_ registry: SchemaRegistry) -> (shapes: [GroupShape], words: [AggregationKey.Word]) {
        var shapes = [GroupShape](repeating: GroupShape(), count: EventKind.limit)
        var words: [AggregationKey.Word] = []
        func add(_ more: [AggregationKey.Word]) -> Range<Int32> {
            defer { words += more }
            return Int32(words.count)..<Int32(words.count + more.count)
        }
        for schema in registry.schemas {
            guard let key = schema.aggregationKey else { continue }
            var shape = GroupShape()
            shape.words = add(key.words)
            shape.exceptionalWords = add(key.exceptionalWords)
            shape.discriminatorOffset = key.discriminator.map { Int32($0.offset) } ?? -1
            shape.discriminatorValue = key.discriminator?.value ?? 0
            shape.measureOffset = key.measureOffset.map { Int32($0) } ?? -1
            shape.measureMayBeAbsent = key.measureMayBeAbsent
            shape.fixedBytes = Int32(schema.summaryOffset)
            shapes[Int(schema.kind.rawValue)] = shape
        }
        return (shapes, words)
    }
}
