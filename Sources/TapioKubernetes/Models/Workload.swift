/// What a pod is an instance of.
public struct Workload: Sendable, Hashable {
    /// "Deployment", "DaemonSet", "StatefulSet", "CronJob", "Pod" for one of its own, or whatever else controls pods.
    public var kind: String
    /// Its name, in the pod's namespace.
    public var name: String

    /// A workload by kind and name.
    public init(kind: String, name: String) {
        self.kind = kind
        self.name = name
    }

    /// What controls a pod, seen through what only stands between.
    ///
    /// - Parameters:
    ///   - controller: The pod's owner that is its controller; nil without.
    ///   - templateHash: The pod's label `pod-template-hash`, which a Deployment appends to its ReplicaSet's name.
    init(pod: String, controller: Workload?, templateHash: String?) {
        guard let controller else {
            self.init(kind: "Pod", name: pod)
            return
        }
        let above: Workload? =
            switch controller.kind {
            case "ReplicaSet": Self.deployment(of: controller.name, templateHash: templateHash)
            case "Job": Self.cronJob(of: controller.name)
            default: nil
            }
        self = above ?? controller
    }

    private static func deployment(of replicaSet: String, templateHash: String?) -> Workload? {
        guard let templateHash, !templateHash.isEmpty, replicaSet.hasSuffix("-" + templateHash) else { return nil }
        let name = replicaSet.dropLast(templateHash.count + 1)
        return name.isEmpty ? nil : Workload(kind: "Deployment", name: String(name))
    }

    /// A CronJob names its Jobs after the minute for which they are due, counted from 1970. The range (2019 to 2100) keeps
    /// dates like 20260101 apart.
    private static func cronJob(of job: String) -> Workload? {
        guard let dash = job.lastIndex(of: "-"), dash != job.startIndex,
            let minute = Int(job[job.index(after: dash)...]), (26_000_000...68_400_000).contains(minute)
        else { return nil }
        return Workload(kind: "CronJob", name: String(job[..<dash]))
    }
}
