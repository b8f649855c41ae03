/// What a ring had to give.
@frozen
public enum PopResult<Element: ~Copyable>: ~Copyable {
    /// The oldest element, now the caller's.
    case item(Element)
    /// Nothing at this moment (or within the wait); more may come.
    case empty
    /// The ring is closed and all it took has been handed out: nothing will ever come again.
    case closed
}

extension PopResult: Copyable where Element: Copyable {}
extension PopResult: Sendable where Element: Sendable & ~Copyable {}
extension PopResult: Equatable where Element: Equatable {}

/// What a ring had to give to a caller that asked for several elements at once.
@frozen
public enum BatchPopResult: Sendable, Equatable {
    /// So many elements (at least 1) were handed to the caller.
    case popped(Int)
    /// Nothing at this moment; more may come.
    case empty
    /// The ring is closed and all it took has been handed out.
    case closed
}

extension PopResult where Element: ~Copyable {
    /// Whether there was nothing at this moment while more may come.
    @inlinable
    public var isEmpty: Bool {
        switch self {
        case .empty: true
        case .item: false
        case .closed: false
        }
    }
}
