/// A place where segments go. Belongs to one exporter, on whose thread it may wait.
protocol ExportTarget: AnyObject {
    /// Where it is, for people, without secrets. A change of it is a change of place.
    var place: String { get }

    /// Sends a segment to its end. When it returns, the place has it for good.
    ///
    /// - Parameters:
    ///   - part: What is already there of it.
    ///   - keep: Saves how far it is, so that a restart goes on from there.
    func deliver(
        _ segment: SealedSegment,
        after part: ExportPosition.Part?,
        keep: (ExportPosition.Part) -> Void
    ) throws(ExportFailure) -> Delivery

    /// What was sent, or lost, since this was last asked, where ``deliver(_:after:keep:)`` does not tell it at its end.
    func takeProgress() -> DeliveryProgress

    /// Gives up a segment of which a part was sent: it is not in the archive any more.
    func abandon(_ part: ExportPosition.Part)

    /// Sends what lies beside the segments and has changed since `sinceNs` (UTC nanoseconds; nil: ever).
    ///
    /// - Returns: Since when to look the next time; nil where there is nothing of that kind.
    func deliverCompanions(root: String, node: String, since sinceNs: Int64?) throws(ExportFailure) -> Int64?
}

extension ExportTarget {
    func takeProgress() -> DeliveryProgress { DeliveryProgress() }
    func abandon(_ part: ExportPosition.Part) {}
    func deliverCompanions(root: String, node: String, since sinceNs: Int64?) throws(ExportFailure) -> Int64? { nil }
}

/// What became of a segment that was sent.
struct Delivery: Sendable, Hashable {
    /// Rows that the place took, without those told as progress.
    var rows: Int64
    /// Bytes that were sent for it now, without those told as progress.
    var bytes: Int64
}
