import TapioBPF
public import TapioEvents

/// The kinds of the network collector. All have the record `tapio_tcp`; each shows the fields that it fills.
public enum NetworkSchemas {
    /// In the order of their numbers.
    public static let all = [connect, accept, close, failed, retransmit, reset, listen]

    /// A connection that a process of this host opened was established.
    public static let connect = schema(
        TAPIO_KIND_TCP_CONNECT,
        "tcp_connect",
        .normal,
        "A process opened a TCP connection; latency is the time from its SYN to the answer.",
        [latency, retransmits, smoothedRoundTrip],
        aggregation(measure: "latency_ns")
    )

    /// A process took an incoming connection from its listening socket.
    public static let accept = schema(
        TAPIO_KIND_TCP_ACCEPT,
        "tcp_accept",
        .normal,
        "A process accepted a TCP connection; latency is the time from established to accepted.",
        [latency],
        aggregation(measure: "latency_ns")
    )

    /// An established connection came to its end, here.
    public static let close = schema(
        TAPIO_KIND_TCP_CLOSE,
        "tcp_close",
        .normal,
        "A TCP connection ended; errno tells what broke it, if anything did.",
        [
            error, duration, bytesSent, bytesReceived, segmentsSent, segmentsReceived, retransmits, smoothedRoundTrip,
        ],
        aggregation(measure: "duration_ns")
    )

    /// A process waits for connections from now on.
    public static let listen = schema(
        TAPIO_KIND_TCP_LISTEN,
        "tcp_listen",
        .normal,
        "A process began to listen for TCP connections (tcp_state is close), or listened before the agent came (tcp_state is listen).",
        [],
        aggregation()
    )

    /// A connection was never established.
    public static let failed = schema(
        TAPIO_KIND_TCP_FAILED,
        "tcp_failed",
        .high,
        "A TCP connection could not be opened; errno says why, latency how long it was tried.",
        [error, latency, retransmits],
        aggregation(and: ["errno"], measure: "latency_ns")
    )

    /// A segment was sent again.
    public static let retransmit = schema(
        TAPIO_KIND_TCP_RETRANSMIT,
        "tcp_retransmit",
        .low,
        "A TCP segment was sent again, since no acknowledgement came.",
        [retransmits, smoothedRoundTrip],
        aggregation()
    )

    /// A reset was sent or received.
    public static let reset = schema(
        TAPIO_KIND_TCP_RESET,
        "tcp_reset",
        .normal,
        "A TCP reset was sent or received.",
        [
            Field(
                Column(520, "reset_direction", .string, "Whether this end sent or received the reset."),
                .symbol(at: offset(\.reset_sent), names: ["received", "sent"])
            )
        ],
        aggregation(and: ["reset_direction"])
    )

    /// Names of the kernel's TCP states, by number (include/net/tcp_states.h).
    private static let stateNames = [
        "", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait",
        "last_ack", "listen", "closing",
    ]

    /// What every kind has: the two ends, and which socket it is.
    private static let ends = [
        Field(.sourceAddress, .ipAddress(at: offset(\.src_addr))),
        Field(.destinationAddress, .ipAddress(at: offset(\.dst_addr))),
        Field(.sourcePort, .uint16(at: offset(\.src_port)), absent: .zero),
        Field(.destinationPort, .uint16(at: offset(\.dst_port)), absent: .zero),
        Field(
            Column(512, "direction", .string, "Which end opened it: outbound is this one. Null where not known."),
            .symbol(at: offset(\.direction), names: ["", "outbound", "inbound"])
        ),
        Field(.ipVersion, .uint8(at: offset(\.ip_version)), absent: .zero),
        Field(.networkNamespace, .uint32(at: offset(\.netns)), absent: .zero),
        Field(
            Column(514, "tcp_state", .string, "State of the socket before the event."),
            .symbol(at: offset(\.state), names: stateNames)
        ),
        Field(.socketCookie, .uint64(at: offset(\.socket_cookie)), absent: .allOnes),
    ]

    private static let remote = RemoteEnd(
        address: offset(\.dst_addr),
        port: offset(\.dst_port),
        networkNamespace: offset(\.netns),
        transport: .always(InternetProtocol.tcp),
        direction: offset(\.direction)
    )

    private static let latency = Field(.latency, .uint64(at: offset(\.latency_ns)), absent: .allOnes)
    private static let duration = Field(.duration, .uint64(at: offset(\.duration_ns)), absent: .allOnes)
    private static let error = Field(.errno, .uint32(at: offset(\.error)), absent: .allOnes)
    private static let bytesSent = Field(
        Column(516, "bytes_sent", .int64, unit: .bytes, "Payload sent, however often each byte travelled."),
        .uint64(at: offset(\.bytes_sent)),
        absent: .allOnes
    )
    private static let bytesReceived = Field(
        Column(517, "bytes_received", .int64, unit: .bytes, "Payload received, in order and complete."),
        .uint64(at: offset(\.bytes_received)),
        absent: .allOnes
    )
    private static let retransmits = Field(
        Column(518, "retransmits", .int32, unit: .count, "Segments sent again in the connection's life so far."),
        .uint32(at: offset(\.retransmits)),
        absent: .allOnes
    )
    private static let segmentsSent = segments(
        521,
        "segments_sent",
        \.segments_sent,
        "Segments sent in the connection's life, those without payload and those sent again too."
    )
    private static let segmentsReceived = segments(
        522,
        "segments_received",
        \.segments_received,
        "Segments received in the connection's life, those without payload too."
    )
    private static let smoothedRoundTrip = Field(
        Column(519, "srtt_us", .int64, unit: .microseconds, "Smoothed round-trip time as the kernel estimates it."),
        .uint32(at: offset(\.srtt_us)),
        absent: .allOnes
    )

    private static func segments(
        _ id: Int32,
        _ name: String,
        _ path: KeyPath<tapio_tcp, UInt32>,
        _ summary: String
    ) -> Field {
        Field(Column(id, name, .int64, unit: .count, summary), .uint32(at: offset(path)), absent: .allOnes)
    }

    private static func schema(
        _ kind: Int,
        _ name: String,
        _ priority: Priority,
        _ summary: String,
        _ fields: [Field],
        _ aggregation: Aggregation
    ) -> EventSchema {
        EventSchema(
            EventKind(kind),
            name,
            collector: "network",
            priority: priority,
            record: tapio_tcp.self,
            summary,
            fields: ends + fields,
            aggregation: aggregation,
            remote: kind == Int(TAPIO_KIND_TCP_LISTEN) ? nil : remote
        )
    }

    /// By owner, the other end's address, and the port that says which service it is: the other end's where this one opened
    /// the connection, else this one's. The port at the end that opened it is another each time.
    private static func aggregation(and more: [String] = [], measure: String? = nil) -> Aggregation {
        let common = ["cgroup_id", "uid", "pid", "comm", "dst_addr", "direction"] + more
        return Aggregation(
            by: common + ["dst_port"],
            except: Aggregation.Exception(where: "direction", is: "inbound", by: common + ["src_port"]),
            measure: measure
        )
    }

    private static func offset<Value>(_ path: KeyPath<tapio_tcp, Value>) -> Int {
        MemoryLayout<tapio_tcp>.offset(of: path)!
    }
}
