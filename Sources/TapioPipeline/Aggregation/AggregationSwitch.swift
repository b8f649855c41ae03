import Synchronization
public import TapioEvents

/// When events of a kind are merged into summaries.
public enum AggregationPolicy: String, Sendable, Hashable, CaseIterable {
    /// At all times: fewer rows, and of all but the first of a group in a window only their summary.
    case always
    /// While the agent is under pressure and would otherwise keep fewer of them.
    case overload
    /// Never: under pressure events are sampled, and then lost, instead.
    case off
}

/// Says which kinds are being aggregated: the configuration's policies joined with what the overload calls for.
///
/// Whoever controls the overload sets it, readers look at it at each pass; neither waits.
///
/// Invariant of the unsafe code: `states` has ``EventKind/limit`` atomics that live as long as this object.
@safe
public final class AggregationSwitch: @unchecked Sendable {
    // Unchecked for the pointer alone: it never changes, and all it points to is atomic.
    private let states: UnsafeMutablePointer<Atomic<UInt8>>
    private let changes = Atomic<UInt64>(0)
    private let canAggregate: [Bool]

    /// Bits of a state: policy always, policy off, overload.
    private static let always: UInt8 = 1
    private static let off: UInt8 = 2
    private static let overload: UInt8 = 4

    /// A switch for the kinds of `registry`, all at ``AggregationPolicy/overload`` and without overload. Kinds that don't
    /// declare how they are aggregated never are.
    public init(_ registry: SchemaRegistry) {
        unsafe states = .allocate(capacity: EventKind.limit)
        for kind in 0..<EventKind.limit { unsafe (states + kind).initialize(to: Atomic(0)) }
        canAggregate = (0..<EventKind.limit).map {
            registry.schema(of: EventKind(rawValue: UInt8($0)))?.aggregation != nil
        }
    }

    deinit {
        unsafe states.deinitialize(count: EventKind.limit)
        unsafe states.deallocate()
    }

    /// Sets the policy of a kind. Any thread.
    public func set(_ policy: AggregationPolicy, for kind: EventKind) {
        let bits: UInt8 =
            switch policy {
            case .always: Self.always
            case .overload: 0
            case .off: Self.off
            }
        change(kind) { $0 & Self.overload | bits }
    }

    /// Says whether the overload calls for a kind to be aggregated. Any thread.
    public func setOverloaded(_ isOverloaded: Bool, _ kind: EventKind) {
        change(kind) { isOverloaded ? $0 | Self.overload : $0 & ~Self.overload }
    }

    /// Whether events of a kind are to be merged now.
    public func isOn(_ kind: EventKind) -> Bool {
        guard canAggregate[Int(kind.rawValue)] else { return false }
        let state = unsafe states[Int(kind.rawValue)].load(ordering: .relaxed)
        return state & Self.always != 0 || state & (Self.off | Self.overload) == Self.overload
    }

    /// Differs from the last value when ``isOn(_:)`` may say something else.
    var changeCount: UInt64 {
        // Acquire: with the release in `change`, so that whoever sees the count sees the states behind it.
        changes.load(ordering: .acquiring)
    }

    private func change(_ kind: EventKind, _ next: (UInt8) -> UInt8) {
        // Relaxed: the release below orders it for whoever looks at the count.
        var old = unsafe states[Int(kind.rawValue)].load(ordering: .relaxed)
        while true {
            let (exchanged, original) = unsafe states[Int(kind.rawValue)].weakCompareExchange(
                expected: old,
                desired: next(old),
                ordering: .relaxed
            )
            if exchanged { break }
            old = original
        }
        changes.add(1, ordering: .releasing)
    }
}
