/// The ledger at one time: an entry for each kind that ever counted anything.
public struct LedgerSnapshot: Sendable, Hashable {
    /// Boot time of the reading, ns.
    public var takenAtNs: Int64
    /// By kind.
    public var entries: [EventKind: LedgerEntry]

    /// A snapshot of these entries.
    public init(takenAtNs: Int64, entries: [EventKind: LedgerEntry]) {
        self.takenAtNs = takenAtNs
        self.entries = entries
    }

    /// All kinds together.
    public var total: LedgerEntry {
        entries.values.reduce(into: LedgerEntry()) { $0.add($1) }
    }

    /// What was counted since `earlier`, by kind; kinds that did nothing are left out.
    public func since(_ earlier: LedgerSnapshot) -> [EventKind: LedgerEntry] {
        entries.compactMapValues { $0 }
            .reduce(into: [:]) { result, pair in
                let delta = pair.value.since(earlier.entries[pair.key] ?? LedgerEntry())
                if !delta.isEmpty { result[pair.key] = delta }
            }
    }

    /// Whether the identity holds, kind by kind.
    ///
    /// - Parameter isQuiet: all programs are detached and everything is drained, so that nothing may be in flight.
    ///   Otherwise a stage may hold events, but never a negative number of them.
    public func violations(isQuiet: Bool) -> [LedgerViolation] {
        entries.sorted { $0.key < $1.key }.flatMap { kind, entry in
            var found: [LedgerViolation] = []
            func check(_ stage: LedgerViolation.Stage, _ held: Int64) {
                if held < 0 || (isQuiet && held != 0) {
                    found.append(LedgerViolation(kind: kind, stage: stage, unaccounted: held))
                }
            }
            check(.programs, Int64(bitPattern: entry.attempted &- entry.decidedInKernel))
            check(.rings, entry.inRings)
            check(.batches, entry.inBatches)
            return found
        }
    }
}

/// A stage whose counts do not add up.
public struct LedgerViolation: Sendable, Hashable {
    /// Between which counts the difference is.
    public enum Stage: String, Sendable, Hashable {
        /// attempted against filtered + sampled out + ring full + submitted.
        case programs
        /// submitted against received.
        case rings
        /// received against malformed + aggregated + shed + failed + archived.
        case batches
    }

    /// The kind whose counts do not add up.
    public var kind: EventKind
    /// Where they do not.
    public var stage: Stage
    /// How many events are missing; negative: counted twice.
    public var unaccounted: Int64
}
