/// What became of an element that was offered to a ring. A refused element comes back, so that none is lost unseen.
@frozen
public enum PushResult<Element: ~Copyable>: ~Copyable {
    /// The ring took the element.
    case pushed
    /// No slot is free at this moment; the ring counted the refusal.
    case full(Element)
    /// The ring was closed and takes nothing more; it counted the refusal.
    case closed(Element)

    /// Whether the ring took the element.
    @inlinable
    public var isPushed: Bool {
        switch self {
        case .pushed: true
        case .full: false
        case .closed: false
        }
    }
}

extension PushResult: Copyable where Element: Copyable {}
extension PushResult: Sendable where Element: Sendable & ~Copyable {}
extension PushResult: Equatable where Element: Equatable {}

/// What became of a batch that was offered to a ring: a prefix of it, or all, was taken in order.
@frozen
public enum BatchPushResult: Sendable, Equatable {
    /// The ring took every element.
    case pushed
    /// The ring took the first `pushed` elements, then it had no free slot; it counted the others as refused.
    case full(pushed: Int)
    /// The ring was closed and took none; it counted all as refused.
    case closed
}
