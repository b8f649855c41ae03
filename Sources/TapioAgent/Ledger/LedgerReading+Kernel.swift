import TapioEvents
import TapioKernel

extension LedgerReading {
    /// Reads the ledger as it is now.
    ///
    /// The order matters: what settled first, then what was received, then the kernel's outcomes, then its attempts; so an
    /// event that moves on meanwhile is never seen in a later place than an earlier one.
    static func now(
        ledger: Ledger,
        plane: KernelPlane,
        registry: SchemaRegistry
    ) throws(KernelError) -> LedgerReading {
        let kinds = registry.schemas.map(\.kind).filter { $0 != .ledger }
        var entries: [EventKind: LedgerEntry] = [:]
        for kind in kinds {
            var entry = LedgerEntry()
            ledger.read(into: &entry, kind)
            entries[kind] = entry
        }
        let counters = try plane.counters()
        var ringFull: [EventKind: [UInt64]] = [:]
        for kind in kinds {
            let counts = counters.counts(kind: kind.rawValue)
            entries[kind]?.attempted = counts.attempted
            entries[kind]?.filtered = counts.filtered
            entries[kind]?.sampledOut = counts.sampledOut
            entries[kind]?.countedOnly = counts.countedOnly
            entries[kind]?.ringFull = counts.ringFull
            entries[kind]?.submitted = counts.submitted
            if counts.ringFull > 0 {
                ringFull[kind] = (0..<counters.cpuCount).map { counters.counts(kind: kind.rawValue, cpu: $0).ringFull }
            }
        }
        let snapshot = LedgerSnapshot(takenAtNs: ClockOffset.bootNow(), entries: entries.filter { !$0.value.isEmpty })
        return LedgerReading(snapshot: snapshot, ringFull: ringFull)
    }
}
