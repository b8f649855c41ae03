/// What became of a segment's rows that a target sends piece by piece, since it was last asked.
struct DeliveryProgress: Sendable, Hashable {
    /// Rows that the place took.
    var rows: UInt64 = 0
    /// Bytes that were sent for them, those of attempts that were refused included.
    var bytes: UInt64 = 0
    /// Rows that it will never have, by why.
    var lost: [ExportNews.LossReason: UInt64] = [:]
    /// What people should hear, a line each.
    var notices: [String] = []

    mutating func lose(_ count: Int64, _ reason: ExportNews.LossReason) {
        if count > 0 { lost[reason, default: 0] += UInt64(count) }
    }
}
