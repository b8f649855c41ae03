import TapioHTTP

extension MetricCatalog {
    static let process: [Metric] = [
        Metric("tapio_resident_memory_bytes", .gauge, unit: .bytes, "Memory of the agent's process that is resident.") {
            .size($0.status.process.residentBytes)
        },
        Metric(
            "tapio_cpu_seconds",
            .counter,
            unit: .seconds,
            "CPU time of the agent's process. That of its BPF programs is the programs' that they run in.",
            [.init("mode", "user or system")]
        ) {
            [
                Metric.Sample(["user"], .number($0.status.process.userSeconds)),
                Metric.Sample(["system"], .number($0.status.process.systemSeconds)),
            ]
        },
        Metric("tapio_reader_cpu_seconds", .counter, unit: .seconds, "CPU time of the threads that drain the rings.") {
            .number(Double($0.readerNs) / 1e9)
        },
        Metric(
            "tapio_bpf_cpu_seconds",
            .counter,
            unit: .seconds,
            "CPU time of the BPF programs. Only there while the kernel measures it (kernel.bpf_stats_enabled).",
            [.init("collector", "whose programs")]
        ) { snapshot in
            guard snapshot.isBPFMeasured else { return [] }
            return running(snapshot).map { collector in
                let ns = collector.programs.reduce(0) { $0 &+ $1.runTimeNs }
                return Metric.Sample([collector.name], .number(Double(ns) / 1e9))
            }
        },
        Metric(
            "tapio_bpf_runs",
            .counter,
            unit: .runs,
            "Runs of the BPF programs. Only there while the kernel measures it (kernel.bpf_stats_enabled).",
            [.init("collector", "whose programs")]
        ) { snapshot in
            guard snapshot.isBPFMeasured else { return [] }
            return running(snapshot).map { collector in
                Metric.Sample([collector.name], .count(collector.programs.reduce(0) { $0 &+ $1.runs }))
            }
        },
        Metric("tapio_bpf_measured", .gauge, "1 while the kernel measures BPF programs (kernel.bpf_stats_enabled).") {
            .flag($0.isBPFMeasured)
        },
    ]

    private static func running(_ snapshot: MetricsSnapshot) -> [StatusReport.Collector] {
        snapshot.status.collectors.filter { !$0.programs.isEmpty }
    }

    private static let states = ["disabled", "unavailable", "starting", "running", "failed", "stopped"]

    static let collectors: [Metric] = [
        Metric(
            "tapio_collector_state",
            .gauge,
            "1 for the state that the collector is in, 0 for the others.",
            [.init("collector", "its name"), .init("state", states.joined(separator: ", "))]
        ) { snapshot in
            snapshot.status.collectors.flatMap { collector in
                states.map { Metric.Sample([collector.name, $0], .flag($0 == collector.state)) }
            }
        },
        Metric(
            "tapio_collector_restarts",
            .counter,
            unit: .restarts,
            "Starts after a failure.",
            [.init("collector", "its name")]
        ) { snapshot in
            snapshot.status.collectors.map { Metric.Sample([$0.name], .count(UInt64(clamping: $0.restarts))) }
        },
        Metric(
            "tapio_collector_programs",
            .gauge,
            unit: .programs,
            "BPF programs that are attached.",
            [.init("collector", "its name")]
        ) { snapshot in snapshot.status.collectors.map { Metric.Sample([$0.name], .size($0.programs.count)) } },
        Metric(
            "tapio_missed_runs",
            .counter,
            unit: .runs,
            "Times that the kernel did not run a program because it was already running on that CPU: no probe saw those events.",
            [.init("collector", "whose programs")]
        ) { snapshot in
            snapshot.status.collectors.map { collector in
                Metric.Sample([collector.name], .count(collector.programs.reduce(0) { $0 &+ $1.missed }))
            }
        },
    ]

    static let health: [Metric] = [
        Metric(
            "tapio_build",
            .info,
            "The agent's version.",
            [.init("version", "as `tapio version` prints it")]
        ) { [Metric.Sample([$0.status.version], .count(1))] },
        Metric(
            "tapio_start_time_seconds",
            .gauge,
            unit: .seconds,
            "When the agent started, in seconds since 1970, UTC."
        ) {
            .number(Double($0.status.startedAt) / 1e6)
        },
        Metric("tapio_healthy", .gauge, "1 while `tapio status` has no problem to tell.") {
            .flag($0.status.health.isHealthy)
        },
        Metric("tapio_ledger_closed", .gauge, "1 while every event is accounted for; 0: please report it.") {
            .flag($0.status.ledger.allSatisfy(\.violations.isEmpty))
        },
        Metric(
            "tapio_config",
            .info,
            "The configuration in force.",
            [.init("hash", "of the effective values, 16 hexadecimal digits")]
        ) { [Metric.Sample([$0.status.configuration.hash], .count(1))] },
        Metric(
            "tapio_config_reloads",
            .counter,
            unit: .reloads,
            "SIGHUPs.",
            [.init("result", "applied, or refused: nothing changed")]
        ) {
            [
                Metric.Sample(["applied"], .count($0.status.configuration.reloads)),
                Metric.Sample(["refused"], .count($0.status.configuration.failedReloads)),
            ]
        },
        Metric("tapio_config_last_reload_applied", .gauge, "1 where the last SIGHUP was applied, or none came.") {
            .flag($0.status.configuration.lastReload?.isApplied ?? true)
        },
        Metric(
            "tapio_config_last_reload_time_seconds",
            .gauge,
            unit: .seconds,
            "When the last SIGHUP came, in seconds since 1970, UTC; the start where none came."
        ) { .number(Double($0.status.configuration.lastReload?.at ?? $0.status.startedAt) / 1e6) },
    ]

    static let endpoint: [Metric] = [
        Metric(
            "tapio_http_responses",
            .counter,
            unit: .responses,
            "Responses of this endpoint, without the present one.",
            [.init("code", "the status code")]
        ) { snapshot in
            snapshot.http.responses.sorted { $0.key < $1.key }.map { Metric.Sample([String($0.key)], .count($0.value)) }
        },
        Metric("tapio_http_accepted_connections", .counter, unit: .connections, "Connections that were accepted.") {
            .count($0.http.connections)
        },
        Metric(
            "tapio_http_cut_connections",
            .counter,
            unit: .connections,
            "Connections that the agent ended because the client did not do its part, or for want of a place.",
            [.init("reason", "request_timeout, read_timeout, evicted or refused")]
        ) { snapshot in
            HTTPServerStatistics.Ending.allCases.map {
                Metric.Sample([$0.rawValue], .count(snapshot.http.endings[$0] ?? 0))
            }
        },
    ]
}
