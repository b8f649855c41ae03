/// A container of a pod, as kubelet last saw it.
public struct ContainerStatus: Sendable, Hashable {
    /// What it does at the moment.
    public enum State: Sendable, Hashable {
        /// It is yet to start, because of this ("ContainerCreating", "CrashLoopBackOff", …).
        case waiting(reason: String)
        /// It runs.
        case running
        /// It has ended, because of this ("Completed", "Error", "OOMKilled", …).
        case terminated(reason: String, exitCode: Int)
        /// Kubelet has not said.
        case unknown
    }

    /// What it is for.
    public enum Role: Sendable, Hashable {
        /// One of the pod's main containers.
        case main
        /// Runs before them, or beside them as a sidecar.
        case initial
        /// Was added later, for debugging.
        case ephemeral
    }

    /// What is said of a state beside what it is; texts are empty, and times nil, where nothing is.
    public struct Detail: Sendable, Hashable {
        /// Why, for people.
        public var message = ""
        /// The signal that ended it; 0 for none.
        public var signal = 0
        /// When it began to run, in nanoseconds since 1970 UTC.
        public var startedNs: Int64?
        /// When it ended, likewise.
        public var finishedNs: Int64?

        /// Nothing is said.
        public init() {}
    }

    /// Its name within the pod.
    public var name: String
    /// What it is for.
    public var role: Role
    /// The runtime's id, without the `containerd://` in front; nil before it was made.
    public var id: String?
    /// As written in the pod, or as the runtime calls it.
    public var image: String
    /// How often it was started again.
    public var restartCount: Int
    /// What it does.
    public var state: State
    /// How its predecessor, the same container before the last restart, ended; `unknown` where there is none.
    public var lastState: State
    /// The predecessor's id; nil without one. Its last events can come after the restart.
    public var previousID: String?
    /// Whether it serves; nil where nothing is said.
    public var isReady: Bool?
    /// More about ``state``.
    public var detail = Detail()
    /// More about ``lastState``.
    public var lastDetail = Detail()
}

extension ContainerStatus {
    /// As the API has it.
    struct Wire: Decodable {
        struct State: Decodable {
            struct Waiting: Decodable {
                var reason: String?
                var message: String?
            }
            struct Terminated: Decodable {
                var reason: String?
                var message: String?
                var exitCode: Int?
                var signal: Int?
                var startedAt: String?
                var finishedAt: String?
                var containerID: String?
            }
            struct Running: Decodable {
                var startedAt: String?
            }
            var waiting: Waiting?
            var running: Running?
            var terminated: Terminated?
        }

        var name: String
        var containerID: String?
        var image: String?
        var restartCount: Int?
        var ready: Bool?
        var state: State?
        var lastState: State?
    }

    init(_ wire: Wire, role: Role) {
        name = wire.name
        self.role = role
        id = Self.bareID(wire.containerID)
        image = wire.image ?? ""
        restartCount = wire.restartCount ?? 0
        state = State(wire.state)
        lastState = State(wire.lastState)
        previousID = Self.bareID(wire.lastState?.terminated?.containerID)
        isReady = wire.ready
        detail = Detail(wire.state)
        lastDetail = Detail(wire.lastState)
    }

    /// What follows the runtime's name: `containerd://<id>`.
    private static func bareID(_ text: String?) -> String? {
        guard let text, let scheme = text.firstRange(of: "://") else { return nil }
        let id = text[scheme.upperBound...]
        return id.isEmpty ? nil : String(id)
    }
}

extension ContainerStatus.State {
    init(_ wire: ContainerStatus.Wire.State?) {
        if let terminated = wire?.terminated {
            self = .terminated(reason: terminated.reason ?? "", exitCode: terminated.exitCode ?? 0)
        } else if wire?.running != nil {
            self = .running
        } else if let waiting = wire?.waiting {
            self = .waiting(reason: waiting.reason ?? "")
        } else {
            self = .unknown
        }
    }
}

extension ContainerStatus.Detail {
    init(_ wire: ContainerStatus.Wire.State?) {
        self.init()
        if let terminated = wire?.terminated {
            message = terminated.message ?? ""
            signal = terminated.signal ?? 0
            startedNs = terminated.startedAt.flatMap(Timestamp.nanoseconds)
            finishedNs = terminated.finishedAt.flatMap(Timestamp.nanoseconds)
        } else if let running = wire?.running {
            startedNs = running.startedAt.flatMap(Timestamp.nanoseconds)
        } else if let waiting = wire?.waiting {
            message = waiting.message ?? ""
        }
    }
}
