/// How rows lie within a row group of a merged segment. Between the groups it is always time.
public enum RowOrder: String, Sendable, Hashable, CaseIterable {
    /// The order of time: what reads a file from its begin to its end sees events as they came.
    case time
    /// By kind, cgroup, process, then time: a tenth to a third smaller, as agents write.
    case kind
}
