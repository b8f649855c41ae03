/// Columns that kinds of several collectors fill. Declared once, so that one meaning has one name.
extension Column {
    /// `start_ts`
    public static let startTime = Column(64, "start_ts", .timestamp, "Start of the process: with pid, its identity.")
    /// `duration_ns`
    public static let duration = Column(65, "duration_ns", .int64, unit: .nanoseconds, "How long it lasted.")
    /// `latency_ns`
    public static let latency = Column(66, "latency_ns", .int64, unit: .nanoseconds, "How long it took to be answered.")
    /// `errno`
    public static let errno = Column(67, "errno", .int32, "Error number of the kernel (positive).")
    /// `src_addr`
    public static let sourceAddress = Column(68, "src_addr", .string, "Address of this end.")
    /// `dst_addr`
    public static let destinationAddress = Column(69, "dst_addr", .string, "Address of the other end.")
    /// `src_port`
    public static let sourcePort = Column(70, "src_port", .int32, "Port of this end.")
    /// `dst_port`
    public static let destinationPort = Column(71, "dst_port", .int32, "Port of the other end.")
    /// `netns`
    public static let networkNamespace = Column(72, "netns", .int64, "Inode of the network namespace.")
    /// `signal`
    public static let signal = Column(73, "signal", .int32, "Number of the signal.")
    /// `exit_code`
    public static let exitCode = Column(264, "exit_code", .int32, "What the process returned, 0 to 255.")
    /// `core_dumped`
    public static let coreDumped = Column(265, "core_dumped", .int32, "1 where a core dump was made.")
    /// `error`
    public static let error = Column(74, "error", .string, "Name of the error, such as ENOSPC.")
    /// `device`
    public static let device = Column(75, "device", .string, "Name of the device.")
    /// `protocol`
    public static let protocolName = Column(
        76,
        "protocol",
        .string,
        "The protocol that IP carries, such as tcp; its number without a name."
    )
    /// `ip_version`
    public static let ipVersion = Column(
        513,
        "ip_version",
        .int32,
        "4 or 6: what travels, whatever the socket's family."
    )
    /// `socket_cookie`
    public static let socketCookie = Column(
        515,
        "socket_cookie",
        .int64,
        "The kernel's number of the socket: the same in all events of one end."
    )
    /// `interface_index`
    public static let interfaceIndex = Column(1026, "interface_index", .int32, "Index of the network device.")
    /// `ether_type`
    public static let etherType = Column(
        1027,
        "ether_type",
        .int32,
        "Type of the Ethernet frame: 2048 is IPv4, 34525 is IPv6, 2054 is ARP."
    )
    /// `packet_bytes`
    public static let packetBytes = Column(1028, "packet_bytes", .int64, unit: .bytes, "Length of the packet.")
    /// `cgroup_path`
    public static let cgroupPath = Column(
        3585,
        "cgroup_path",
        .string,
        "Path of the cgroup that it is about, from its hierarchy's root."
    )
    /// `elapsed_ns`
    public static let elapsed = Column(
        1792,
        "elapsed_ns",
        .int64,
        unit: .nanoseconds,
        "The time in which this was counted."
    )
    /// `fault_address`
    public static let faultAddress = Column(2568, "fault_address", .string, "The address whose use was the fault.")
    /// `syscall`
    public static let systemCall = Column(2816, "syscall", .string, "Name of the system call; its number without one.")
    /// `target_pid`
    public static let targetPid = Column(2560, "target_pid", .int32, "The process that it was done to.")
    /// `target_tid`
    public static let targetTid = Column(2561, "target_tid", .int32, "The thread of it that it was done to.")
    /// `target_comm`
    public static let targetComm = Column(2563, "target_comm", .string, "Name of that thread.")
}
