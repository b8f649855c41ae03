import TapioEvents
import TapioKernel
import TapioRings
import Testing

@testable import TapioCollectors

/// A cluster that does what a test tells it.
private final class ScriptedCluster: KubernetesSource {
    struct State: Sendable {
        var deliver: (@Sendable (KubernetesChange) -> Void)?
        var scopes: [KubernetesEventScope] = []
        var problems: [String] = []
    }

    let state = Guarded(State())
    let readiness: CollectorReadiness

    init(_ readiness: CollectorReadiness = .ready) { self.readiness = readiness }

    var node: String { "node1" }
    var problems: [String] { state.withLock { $0.problems } }
    var notes: [String] { ["watching a script"] }
    var scopes: [KubernetesEventScope] { state.withLock { $0.scopes } }

    func begin(
        _ events: KubernetesEventScope,
        deliver: @escaping @Sendable (KubernetesChange) -> Void
    ) throws(CollectorError) {
        state.withLock { state in
            state.deliver = deliver
            state.scopes.append(events)
        }
    }

    func reconfigure(_ events: KubernetesEventScope) { state.withLock { $0.scopes.append(events) } }
    func end() { state.withLock { $0.deliver = nil } }
    func tell(_ changes: KubernetesChange...) {
        guard let deliver = state.withLock({ $0.deliver }) else { return }
        for change in changes { deliver(change) }
    }
}

extension RealKernel {
    @Suite("What a cluster says of its node")
    struct KubernetesCollectorTests {
        private static let second: Int64 = 1_000_000

        private func crashing() -> KubernetesPodState {
            var pod = KubernetesPodState()
            pod.uid = "66efc5b1"
            pod.name = "web-1"
            pod.namespace = "shop"
            pod.workload = "Deployment/web"
            pod.node = "node1"
            pod.phase = "Running"
            pod.reason = "Why"
            pod.message = "a message"
            pod.conditions = "Ready=False:ContainersNotReady"
            pod.ready = .no
            pod.address = "10.1.2.3"
            pod.createdUs = 100 * Self.second
            pod.startedUs = 101 * Self.second
            pod.deletionUs = 102 * Self.second
            var container = KubernetesContainerState()
            container.name = "app"
            container.role = .initial
            container.id = "abc"
            container.image = "registry/app:2"
            container.restarts = 7
            container.ready = .no
            container.activity = .waiting
            container.reason = "CrashLoopBackOff"
            container.message = "back-off 5m0s"
            var end = KubernetesContainerState.End()
            end.reason = "OOMKilled"
            end.exitCode = 137
            end.signal = 9
            end.startedUs = 103 * Self.second
            end.finishedUs = 104 * Self.second
            end.containerID = "old"
            container.lastEnd = end
            pod.containers = [container]
            return pod
        }

        @Test("a pod and its container are told with all that is said of them")
        func pods() async throws {
            let cluster = ScriptedCluster()
            let watch = try await CollectorWatch(KubernetesCollector.descriptor(watching: cluster))
            cluster.tell(.pod(crashing()), .podsListed)
            let pod = try watch.event("k8s_pod") { _ in true }
            for (column, text) in [
                ("change", "existing"), ("pod", "web-1"), ("namespace", "shop"), ("pod_uid", "66efc5b1"),
                ("workload", "Deployment/web"), ("node_name", "node1"), ("pod_phase", "Running"), ("ready", "False"),
                ("conditions", "Ready=False:ContainersNotReady"), ("reason", "Why"), ("message", "a message"),
                ("pod_ip", "10.1.2.3"), ("priority", "high"), ("comm", ""),
            ] {
                #expect(pod.string(column) == text, "\(column)")
            }
            #expect(pod.number("message_bytes") == 9 && pod.number("pid") == 0 && pod.number("cgroup_id") == 0)
            #expect(
                pod["created_ts"] == .timestamp(100 * Self.second) && pod["started_ts"] == .timestamp(101 * Self.second)
            )
            #expect(pod["deletion_ts"] == .timestamp(102 * Self.second))
            let container = try watch.event("k8s_container") { _ in true }
            for (column, text) in [
                ("change", "existing"), ("pod", "web-1"), ("namespace", "shop"), ("pod_uid", "66efc5b1"),
                ("workload", "Deployment/web"), ("node_name", "node1"), ("container", "app"), ("container_id", "abc"),
                ("container_role", "init"), ("container_state", "waiting"), ("ready", "False"),
                ("reason", "CrashLoopBackOff"), ("message", "back-off 5m0s"), ("image", "registry/app:2"),
                ("last_reason", "OOMKilled"), ("last_container_id", "old"),
            ] {
                #expect(container.string(column) == text, "\(column)")
            }
            #expect(container.number("restart_count") == 7 && container.number("last_exit_code") == 137)
            #expect(container.number("last_signal") == 9 && container.number("message_bytes") == 13)
            #expect(container["exit_code"] == .null && container["signal"] == .null)
            #expect(container["started_ts"] == .null && container["finished_ts"] == .null)
            #expect(container["last_started_ts"] == .timestamp(103 * Self.second))
            #expect(container["last_finished_ts"] == .timestamp(104 * Self.second))

            var ended = crashing()
            ended.containers[0].activity = .terminated
            ended.containers[0].reason = ""
            ended.containers[0].end = ended.containers[0].lastEnd
            ended.containers[0].end?.reason = "Error"
            ended.containers[0].end?.exitCode = -2
            cluster.tell(.pod(ended), .pod(ended), .podGone(uid: ended.uid, last: nil))
            let end = try watch.event("k8s_container") { $0.string("change") == "modified" }
            #expect(end.string("container_state") == "terminated" && end.string("reason") == "Error")
            #expect(end.number("exit_code") == -2 && end.number("signal") == 9)
            #expect(end["started_ts"] == .timestamp(103 * Self.second))
            #expect(end["finished_ts"] == .timestamp(104 * Self.second))
            _ = try watch.event("k8s_pod") { $0.string("change") == "deleted" }
            await watch.collector.stop()
            let counts = try watch.counts("k8s_pod")
            #expect(counts.attempted == 2 && counts.submitted == 2 && counts.undecided == 0)
        }

        @Test("a node's conditions and events are told with all that is said of them")
        func nodeAndEvents() async throws {
            let cluster = ScriptedCluster()
            let watch = try await CollectorWatch(KubernetesCollector.descriptor(watching: cluster))
            var node = KubernetesNodeState()
            node.name = "node1"
            node.createdUs = 50 * Self.second
            node.kubeletVersion = "v1.36.2"
            node.ready = .unknown
            node.memoryPressure = .yes
            node.diskPressure = .no
            node.networkUnavailable = .unknown
            node.isUnschedulable = true
            node.reason = "NodeStatusUnknown"
            node.message = "Kubelet stopped posting node status."
            node.conditions = "Ready=Unknown:NodeStatusUnknown"
            var event = KubernetesEventState()
            event.type = "Warning"
            event.reason = "BackOff"
            event.message = "Back-off\u{1B}[31m restarting\0failed"
            event.source = "kubelet"
            event.host = "node1"
            event.objectKind = "Pod"
            event.objectName = "web-1"
            event.objectNamespace = "shop"
            event.objectUID = "66efc5b1"
            event.container = "app"
            event.count = 4
            event.firstSeenUs = 60 * Self.second
            event.lastSeenUs = 70 * Self.second
            var other = event
            other.objectKind = "Node"
            other.objectName = "node1"
            cluster.tell(.node(node), .nodeListed, .event(event), .event(other))
            let told = try watch.event("k8s_node") { _ in true }
            for (column, text) in [
                ("change", "existing"), ("node_name", "node1"), ("ready", "Unknown"), ("memory_pressure", "True"),
                ("disk_pressure", "False"), ("network_unavailable", "Unknown"), ("reason", "NodeStatusUnknown"),
                ("message", "Kubelet stopped posting node status."), ("kubelet_version", "v1.36.2"),
                ("conditions", "Ready=Unknown:NodeStatusUnknown"), ("priority", "high"),
            ] {
                #expect(told.string(column) == text, "\(column)")
            }
            #expect(told["pid_pressure"] == .null && told.number("unschedulable") == 1)
            #expect(told["created_ts"] == .timestamp(50 * Self.second) && told.number("message_bytes") == 36)
            let said = try watch.event("k8s_event") { $0.string("object_kind") == "Pod" }
            for (column, text) in [
                ("event_type", "Warning"), ("reason", "BackOff"), ("message", "Back-off\u{1B}[31m restarting\0failed"),
                ("event_source", "kubelet"), ("object_name", "web-1"), ("object_namespace", "shop"),
                ("object_uid", "66efc5b1"), ("pod", "web-1"), ("namespace", "shop"), ("pod_uid", "66efc5b1"),
                ("container", "app"), ("node_name", "node1"), ("priority", "normal"),
            ] {
                #expect(said.string(column) == text, "\(column)")
            }
            #expect(said.number("event_count") == 4 && said["first_seen_ts"] == .timestamp(60 * Self.second))
            #expect(said["last_seen_ts"] == .timestamp(70 * Self.second))
            // Exact in the archive, harmless on a terminal.
            #expect(!EventLine().text(said).contains("\u{1B}[31m"))
            let ofNode = try watch.event("k8s_event") { $0.string("object_kind") == "Node" }
            #expect(ofNode.string("object_name") == "node1" && ofNode["pod"] == .null && ofNode["namespace"] == .null)
            await watch.collector.stop()
        }

        @Test("options reach the source, its problems the health, and a stopped collector tells nothing")
        func life() async throws {
            let cluster = ScriptedCluster()
            var options = CollectorOptions()
            let watch = try await CollectorWatch(KubernetesCollector.descriptor(watching: cluster), options: options)
            options[KubernetesCollector.events] = 1
            try await watch.collector.reconfigure(options)
            #expect(cluster.scopes == [.podsAndNode, .node])
            cluster.state.withLock { $0.problems = ["the server is gone"] }
            let health = try await watch.collector.health()
            #expect(health.problems == ["the server is gone"])
            #expect(health.notes == ["watching a script", "0 pods on this node"])
            let deliver = try #require(cluster.state.withLock { $0.deliver })
            await watch.collector.stop()
            // One that was on its way.
            deliver(.pod(crashing()))
            #expect(try watch.counts("k8s_pod").attempted == 0)
            await #expect(throws: CollectorError.self) { try await watch.collector.health() }
            try await watch.collector.start()
            cluster.tell(.pod(crashing()))
            #expect(try watch.counts("k8s_pod").attempted == 1)
            await watch.collector.stop()
        }
    }
}
