// Compaction by the running agent.

private let mebibyte = 1 << 20
private let second: UInt64 = 1_000_000_000
private let day: UInt64 = 86_400 * second

extension ConfigurationSchema {
    static let compactKeys: [ConfigurationKey] = [
        .flag(
            "archive.compact.enabled",
            \.archive.compact.isEnabled,
            .live,
            "Whether the agent does it; `tapio compact` does it while none runs."
        ),
        .duration(
            "archive.compact.min_age",
            \.archive.compact.minAgeNs,
            second...(365 * day),
            .live,
            "Time since a segment's last row before it is touched; an hour waits until its end is as old."
        ),
        .fraction(
            "archive.compact.cpu_budget",
            \.archive.compact.cpuBudget,
            0.01...1,
            .live,
            "CPU time that it may take, as a share of one CPU; its thread has the lowest priority besides."
        ),
        .integer(
            "archive.compact.min_segments",
            \.archive.compact.minSegments,
            2...256,
            unit: "segments",
            .live,
            "Fewer segments of an hour are left as they are."
        ),
        .size(
            "archive.compact.max_bytes",
            \.archive.compact.maxBytes,
            .size(mebibyte...(4096 * mebibyte)),
            .live,
            "Bytes of segments that are put together at most."
        ),
        .integer(
            "archive.compact.level",
            \.archive.compact.level,
            1...19,
            unit: "zstd levels",
            .live,
            "Level of zstd for the segment that takes their place."
        ),
    ]
}
