import TapioBPF
import TapioEvents
import TapioKernel

/// Watches questions to name servers and their answers.
public enum DNSCollector {
    static let name = "dns"

    /// From what latency on an answer is slow, ns.
    public static let slow = CollectorOption(
        "slow",
        0...60_000_000_000,
        default: 100_000_000,
        form: .duration,
        "Answers that took at least that long are marked as slow."
    )

    /// How long an answer is waited for, ns.
    public static let timeout = CollectorOption(
        "timeout",
        100_000_000...60_000_000_000,
        default: 5_000_000_000,
        form: .duration,
        "Questions that nobody answered in that time are told of as timed out; looked for once a second."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "Questions to name servers (port 53, UDP and TCP) with their answers, failures, latency and timeouts.",
        schemas: [query, failed, timedOut],
        options: [slow, timeout],
        tracepoints: [],
        unmetNeeds: { _ in [.networkAdministration, .unifiedCgroups].compactMap(\.self) },
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("slow_ns", UInt64(options[slow]))
        },
        attach: { (object) throws(KernelError) in
            let root = try CgroupTree.unifiedRoot()
            try object.attach("dns_sent", toCgroup: root)
            try object.attach("dns_received", toCgroup: root)
        },
        makePoller: { Sweeper(options: $0) },
        pollIntervalNs: 1_000_000_000
    )

    /// Looks for questions that nobody answered.
    private struct Sweeper: CollectorPoller {
        var options: CollectorOptions

        mutating func poll(_ object: BPFObject) throws(KernelError) {
            try object.runnable("dns_sweep").run(tapio_dns_sweep(timeout_ns: UInt64(options[timeout])))
        }

        mutating func reconfigure(_ options: CollectorOptions) { self.options = options }
    }

    private static let query = schema(
        TAPIO_KIND_DNS_QUERY,
        "dns_query",
        .normal,
        "A name server answered a question, maybe that there is no such name."
    )

    private static let failed = schema(
        TAPIO_KIND_DNS_FAILED,
        "dns_failed",
        .high,
        "A name server could not or would not answer a question: SERVFAIL, REFUSED and the like."
    )

    private static let timedOut = schema(
        TAPIO_KIND_DNS_TIMEOUT,
        "dns_timeout",
        .high,
        "Nobody answered a question to a name server."
    )

    private static func schema(_ kind: Int, _ name: String, _ priority: Priority, _ summary: String) -> EventSchema {
        EventSchema(
            EventKind(kind),
            name,
            collector: self.name,
            priority: priority,
            record: tapio_dns.self,
            summary,
            fields: fields,
            aggregation: Aggregation(
                by: ["cgroup_id", "uid", "comm", "dst_addr", "protocol", "dns_code"],
                measure: "latency_ns"
            ),
            remote: RemoteEnd(
                address: offset(\tapio_dns.dst_addr),
                port: offset(\tapio_dns.dst_port),
                networkNamespace: offset(\tapio_dns.netns),
                transport: .byte(at: offset(\tapio_dns.protocol))
            ),
            names: kind == Int(TAPIO_KIND_DNS_QUERY)
                ? NameAnswer(
                    message: offset(\tapio_dns.message),
                    networkNamespace: offset(\tapio_dns.netns)
                ) : nil
        )
    }

    private static let fields = [
        Field(
            Column(768, "dns_name", .string, "The name that was asked for, in lower case, escaped as in zone files."),
            .dns(at: offset(\tapio_dns.message), .name)
        ),
        Field(
            Column(769, "dns_type", .string, "What was asked about it, such as A or AAAA."),
            .dns(at: offset(\tapio_dns.message), .type)
        ),
        Field(
            Column(770, "dns_code", .string, "Code of the answer, such as NOERROR or NXDOMAIN; null without one."),
            .symbol(at: offset(\tapio_dns.code), names: DNSMessage.codes)
        ),
        Field(
            Column(
                771,
                "dns_answers",
                .string,
                "What the answer said: type, address or name, and seconds that it is valid, with commas between."
            ),
            .dns(at: offset(\tapio_dns.message), .answers)
        ),
        Field(.latency, .uint64(at: offset(\tapio_dns.latency_ns))),
        Field(
            Column(772, "dns_slow", .int32, "1 where the answer took longer than collectors.dns.slow."),
            .uint8(at: offset(\tapio_dns.is_slow))
        ),
        Field(
            Column(773, "dns_truncated", .int32, "1 where the server cut the answer."),
            .uint8(at: offset(\tapio_dns.is_truncated))
        ),
        Field(
            Column(774, "dns_attempts", .int32, unit: .count, "How often the question was sent from the same socket."),
            .uint32(at: offset(\tapio_dns.attempts))
        ),
        Field(
            Column(775, "dns_bytes", .int32, unit: .bytes, "Length of the answer; of the question without one."),
            .uint32(at: offset(\tapio_dns.message_bytes))
        ),
        Field(.sourceAddress, .ipAddress(at: offset(\tapio_dns.src_addr))),
        Field(.destinationAddress, .ipAddress(at: offset(\tapio_dns.dst_addr))),
        Field(.sourcePort, .uint16(at: offset(\tapio_dns.src_port))),
        Field(.destinationPort, .uint16(at: offset(\tapio_dns.dst_port))),
        Field(.networkNamespace, .uint32(at: offset(\tapio_dns.netns)), absent: .zero),
        Field(
            .protocolName,
            .symbol(at: offset(\tapio_dns.protocol), names: InternetProtocol.names)
        ),
    ]
}
