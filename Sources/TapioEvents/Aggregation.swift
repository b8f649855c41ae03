/// Declares how events of a kind are merged when there are too many of them: by what they are grouped, and what is measured.
///
/// Only fields in the fixed part of the record can be named: numbers, addresses, names of threads and symbols.
public struct Aggregation: Sendable, Hashable {
    /// A value of one field for which the key is another: the port that says which service it was is that of the one end
    /// or of the other.
    public struct Exception: Sendable, Hashable {
        /// The column, a symbol that is itself part of both keys.
        public let column: String
        /// Its text.
        public let text: String
        /// The columns of the key then.
        public let key: [String]

        /// Where `column` says `text`, the key is `key`.
        public init(where column: String, is text: String, by key: [String]) {
            self.column = column
            self.text = text
            self.key = key
        }
    }

    /// The columns of the grouping key, by name.
    public let key: [String]
    /// Where the key is another.
    public let exception: Exception?
    /// The column that is measured, by name: a UInt64 whose smallest, greatest, sum and distribution a summary tells.
    public let measure: String?
    /// Whether the program itself merges events, at all times, and tells of them as of a `tapio_merged`.
    public let isInKernel: Bool

    /// Groups by `key`, and measures `measure`.
    public init(
        by key: [String],
        except exception: Exception? = nil,
        measure: String? = nil,
        isInKernel: Bool = false
    ) {
        self.key = key
        self.exception = exception
        self.measure = measure
        self.isInKernel = isInKernel
    }
}
