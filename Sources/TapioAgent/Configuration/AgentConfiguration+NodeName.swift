import Glibc

extension AgentConfiguration {
    /// The name that this node's rows carry: ``node``, or else the kernel's host name (uname(2)). In a container that is the
    /// pod's name unless it shares the host's UTS namespace; a DaemonSet sets `TAPIO_NODE` from `spec.nodeName`.
    public var nodeName: String {
        if let node { return node }
        var system = utsname()
        guard unsafe uname(&system) == 0 else { return "localhost" }
        // nodename is a C string within its fixed array.
        return unsafe withUnsafeBytes(of: &system.nodename) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
