/// Whether something is so, as a condition of Kubernetes says it.
public enum KubernetesTruth: UInt8, Sendable {
    /// Nothing is said of it.
    case notSaid = 0
    /// It is so.
    case yes = 1
    /// It is not.
    case no = 2
    /// Whoever should know is silent.
    case unknown = 3
}

/// A pod, as far as the collector shows it: two that are equal differ in nothing that a row would tell. Texts that nothing
/// is said of are empty; times are microseconds since 1970, UTC.
public struct KubernetesPodState: Sendable, Equatable {
    /// Unique among all objects, ever.
    public var uid = ""
    /// Its name.
    public var name = ""
    /// Its namespace.
    public var namespace = ""
    /// What it is one of: `Deployment/web`.
    public var workload = ""
    /// The node that it is bound to.
    public var node = ""
    /// Pending, Running, Succeeded, Failed or Unknown.
    public var phase = ""
    /// Why it is in that phase ("Evicted", …).
    public var reason = ""
    /// The same for people.
    public var message = ""
    /// Bytes of the message as it was.
    public var messageBytes = 0
    /// `Ready=False:ContainersNotReady PodScheduled=True`.
    public var conditions = ""
    /// Whether it is ready.
    public var ready = KubernetesTruth.notSaid
    /// Its first address.
    public var address = ""
    /// When it was made.
    public var createdUs: Int64?
    /// When kubelet took it on.
    public var startedUs: Int64?
    /// When it is to be gone, where somebody has deleted it.
    public var deletionUs: Int64?
    /// Its containers of all roles.
    public var containers: [KubernetesContainerState] = []

    /// A pod of which nothing is said.
    public init() {}

    /// The pod without its containers.
    var bare: Self {
        var pod = self
        pod.containers = []
        return pod
    }
}

/// A container of a pod, likewise.
public struct KubernetesContainerState: Sendable, Equatable {
    /// What it does.
    public enum Activity: UInt8, Sendable {
        /// Nobody says.
        case unknown = 0
        /// It is yet to start.
        case waiting = 1
        /// It runs.
        case running = 2
        /// It has ended.
        case terminated = 3
    }

    /// What it is for.
    public enum Role: UInt8, Sendable {
        /// One of the pod's main ones.
        case main = 0
        /// Runs before them, or beside them.
        case initial = 1
        /// Was added later, for debugging.
        case ephemeral = 2
    }

    /// How one ended.
    public struct End: Sendable, Equatable {
        /// "Completed", "Error", "OOMKilled", …
        public var reason = ""
        /// What it returned.
        public var exitCode: Int32 = 0
        /// 0 for none.
        public var signal: UInt32 = 0
        /// When it had been started.
        public var startedUs: Int64?
        /// When it ended.
        public var finishedUs: Int64?
        /// The runtime's id of it.
        public var containerID = ""

        /// An end of which nothing is said.
        public init() {}
    }

    /// Its name.
    public var name = ""
    /// What it is for.
    public var role = Role.main
    /// The runtime's id, without the runtime's name.
    public var id = ""
    /// As written in the pod, or as the runtime calls it.
    public var image = ""
    /// How often it was started again.
    public var restarts: UInt32 = 0
    /// Whether it is ready.
    public var ready = KubernetesTruth.notSaid
    /// What it does.
    public var activity = Activity.unknown
    /// Why it waits.
    public var reason = ""
    /// Why it waits, or how it ended, for people.
    public var message = ""
    /// Bytes of the message as it was.
    public var messageBytes = 0
    /// When it began to run.
    public var startedUs: Int64?
    /// How it ended; nil while it has not.
    public var end: End?
    /// How the same container ended before it was started again.
    public var lastEnd: End?

    /// A container of which nothing is said.
    public init() {}
}

/// A node, likewise.
public struct KubernetesNodeState: Sendable, Equatable {
    /// Its name.
    public var name = ""
    /// When it was made.
    public var createdUs: Int64?
    /// Its kubelet's version.
    public var kubeletVersion = ""
    /// Whether it is ready.
    public var ready = KubernetesTruth.notSaid
    /// Whether memory runs short.
    public var memoryPressure = KubernetesTruth.notSaid
    /// Whether room on disks runs short.
    public var diskPressure = KubernetesTruth.notSaid
    /// Whether process ids run short.
    public var pidPressure = KubernetesTruth.notSaid
    /// Whether its network is not set up.
    public var networkUnavailable = KubernetesTruth.notSaid
    /// Whether it is cordoned.
    public var isUnschedulable = false
    /// Of the condition Ready.
    public var reason = ""
    /// The same for people.
    public var message = ""
    /// Bytes of the message as it was.
    public var messageBytes = 0
    /// All conditions, as a pod's.
    public var conditions = ""

    /// A node of which nothing is said.
    public init() {}
}

/// Something that a part of Kubernetes says happened.
public struct KubernetesEventState: Sendable, Equatable {
    /// "Normal" or "Warning".
    public var type = ""
    /// Why, in one word.
    public var reason = ""
    /// The same for people.
    public var message = ""
    /// Bytes of the message as it was.
    public var messageBytes = 0
    /// Who says so: "kubelet", "default-scheduler", …
    public var source = ""
    /// The node on which that one runs; empty where it does not say.
    public var host = ""
    /// The object that it happened to.
    public var objectKind = ""
    /// That object's name.
    public var objectName = ""
    /// That object's namespace.
    public var objectNamespace = ""
    /// That object's UID.
    public var objectUID = ""
    /// Where that is a pod, the container in it; empty where it is about all of it.
    public var container = ""
    /// How often it happened.
    public var count: UInt32 = 1
    /// When it first happened.
    public var firstSeenUs: Int64?
    /// When it last happened.
    public var lastSeenUs: Int64?

    /// An event of which nothing is said.
    public init() {}

    /// Whether it happened to a pod.
    var isAboutPod: Bool { objectKind == "Pod" }
}
