import TapioBPF

/// The ledger's rows: what became of every event, in the archive itself (`kind = '_ledger'`, weight 0).
public enum LedgerSchema {
    /// Names of `TAPIO_LEDGER_…`, by number.
    public static let entryNames = [
        "interval", "gap", "start", "stop", "reload", "clock", "unclean_shutdown", "retention", "collector",
        "sampling",
    ]

    /// The schema; registered in every registry.
    public static let schema = EventSchema(
        .ledger,
        "_ledger",
        collector: "agent",
        priority: .critical,
        record: tapio_ledger.self,
        "What became of every event, and each gap.",
        fields: [
            Field(
                Column(128, "ledger_entry", .string, "What the row tells: \(entryNames.joined(separator: ", "))."),
                .symbol(at: offset(\.entry), names: entryNames)
            ),
            Field(
                Column(129, "ledger_kind", .string, "The kind that it is about."),
                .kindName(at: offset(\.subject_kind))
            ),
            Field(
                Column(130, "ledger_priority", .string, "The priority of that kind."),
                .symbol(at: offset(\.subject_priority), names: Priority.allCases.map(\.name))
            ),
            Field(
                Column(131, "ledger_collector", .string, "The collector that it is about."),
                .string(at: offset(\.collector)),
                absent: .zero
            ),
            Field(
                Column(132, "ledger_cpu", .int32, "The CPU that it is about."),
                .uint32(at: offset(\.subject_cpu)),
                absent: .allOnes
            ),
            Field(
                Column(133, "ledger_from", .timestamp, "Begin of the interval or gap."),
                .bootTime(at: offset(\.from_ns))
            ),
            Field(Column(134, "ledger_to", .timestamp, "End of the interval or gap."), .bootTime(at: offset(\.to_ns))),
            Field(
                Column(135, "ledger_stage", .string, "Where in the pipeline: kernel, reader, encoder, archive, agent."),
                .string(at: offset(\.stage)),
                absent: .zero
            ),
            Field(Column(136, "ledger_reason", .string, "Why."), .string(at: offset(\.reason)), absent: .zero),
            count(137, "ledger_attempted", \.attempted, "Events that the probes saw in the interval."),
            count(138, "ledger_filtered", \.filtered, "… turned away by a filter in the kernel."),
            count(139, "ledger_sampled_out", \.sampled_out, "… sampled out in the kernel."),
            count(140, "ledger_ring_full", \.ring_full, "… lost because the ring was full."),
            count(141, "ledger_malformed", \.malformed, "… refused by the reader's checks."),
            count(142, "ledger_aggregated", \.aggregated, "… merged into a summary row."),
            count(143, "ledger_shed", \.shed, "… dropped under pressure."),
            count(144, "ledger_failed", \.failed, "… lost because they could not be written."),
            count(145, "ledger_archived", \.archived, "… written as rows of the archive."),
            count(146, "ledger_in_flight", \.in_flight, "Events on their way at the end of the interval."),
            count(147, "ledger_count", \.count, "How many rows or bytes the gap, retention or shutdown cost."),
            Field(
                Column(148, "ledger_config_hash", .string, "Hash of the configuration in force."),
                .hex64(at: offset(\.config_hash)),
                absent: .allOnes
            ),
            Field(
                Column(149, "ledger_config_hash_before", .string, "Hash of the configuration before."),
                .hex64(at: offset(\.config_hash_before)),
                absent: .allOnes
            ),
            Field(
                Column(150, "ledger_note", .string, "What else there is to say."),
                .string(at: offset(\.note)),
                absent: .zero
            ),
        ]
    )

    private static func count(
        _ id: Int32,
        _ name: String,
        _ path: KeyPath<tapio_ledger, UInt64>,
        _ summary: String
    ) -> Field {
        Field(Column(id, name, .int64, unit: .count, summary), .uint64(at: offset(path)), absent: .allOnes)
    }

    private static func offset<Value>(_ path: KeyPath<tapio_ledger, Value>) -> Int {
        MemoryLayout<tapio_ledger>.offset(of: path)!
    }
}
