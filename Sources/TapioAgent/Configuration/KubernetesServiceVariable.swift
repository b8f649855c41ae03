/// Variables that Kubernetes puts into every container of a namespace that has a service called `tapio` or `tapio-…`
/// (`TAPIO_SERVICE_HOST`, `TAPIO_PORT_9090_TCP_ADDR`). Nobody set them to configure the agent, and without this a service's
/// name would keep it from starting.
enum KubernetesServiceVariable {
    static func matches(_ name: String, _ value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
        if name.hasSuffix("_PORT"), value.contains("://") { return true }
        // TAPIO_PORT_<number>_TCP, and that with _PROTO, _PORT or _ADDR.
        let parts = name.split(separator: "_")
        guard let port = parts.firstIndex(of: "PORT"), port + 2 < parts.count, UInt16(parts[port + 1]) != nil else {
            return false
        }
        return ["TCP", "UDP", "SCTP"].contains(parts[port + 2])
    }
}
