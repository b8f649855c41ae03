import TapioArchive

/// Rows of the table `container` that are to be written: whose each cgroup is, as that becomes known, so that events that were
/// `late` have it too.
struct ContainerFacts: Sendable {
    /// Cgroups whose last row is remembered, so that a row is written only where something changed.
    private static let mostRemembered = 20_000

    private let bootID: String
    private let startedUs: Int64
    private let nowUs: @Sendable () -> Int64
    private var last: [UInt64: Belonging] = [:]
    private var paths: [UInt64: String] = [:]
    private var rows = WaitingRows<FactRow>(most: 50_000)

    /// Facts of one run of the agent.
    ///
    /// - Parameters:
    ///   - startedUs: When it began, UTC microseconds since 1970: from then on the first row of a cgroup holds, since the kernel
    ///     gives no cgroup's id again.
    ///   - nowUs: The time, likewise.
    init(bootID: String, startedUs: Int64, nowUs: @escaping @Sendable () -> Int64) {
        self.bootID = bootID
        self.startedUs = startedUs
        self.nowUs = nowUs
    }

    /// Remembers where a cgroup is, for its rows.
    mutating func notePath(_ path: String, of cgroup: UInt64) { paths[cgroup] = path }

    /// Adds a row where this is something new.
    mutating func note(_ belonging: Belonging, of cgroup: UInt64) {
        guard last[cgroup] != belonging else { return }
        if last.count >= Self.mostRemembered {
            last = [:]
            paths = paths.filter { $0.key == cgroup }
        }
        let from = last[cgroup] == nil ? startedUs : nowUs()
        last[cgroup] = belonging
        rows.append(
            FactRow(
                .container,
                from: from,
                to: nil,
                [
                    .text(bootID), .integer(Int64(bitPattern: cgroup)), .optional(paths[cgroup]),
                    .optional(belonging.containerID), .optional(belonging.runtime), .optional(belonging.container),
                    .optional(belonging.podUID), .optional(belonging.pod), .optional(belonging.namespace),
                    .optional(belonging.workload), .optional(belonging.service), .optional(belonging.unit),
                ]
            )
        )
    }

    /// Rows that found no place.
    var refused: UInt64 { rows.refused }

    /// The rows since the last time.
    mutating func take() -> [FactRow] { rows.take() }
}
