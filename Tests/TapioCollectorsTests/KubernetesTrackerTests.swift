import TapioBPF
import Testing

@testable import TapioCollectors

@Suite("Which changes in Kubernetes are rows")
struct KubernetesTrackerTests {
    private var tracker = KubernetesTracker(node: "node1")

    private func pod(_ uid: String, _ change: (inout KubernetesPodState) -> Void = { _ in }) -> KubernetesPodState {
        var pod = KubernetesPodState()
        pod.uid = uid
        pod.name = "pod-" + uid
        var container = KubernetesContainerState()
        container.name = "main"
        container.activity = .running
        pod.containers = [container]
        change(&pod)
        return pod
    }

    private func event(_ uid: String, host: String = "", kind: String = "Pod") -> KubernetesEventState {
        var event = KubernetesEventState()
        event.reason = "Scheduled"
        event.objectKind = kind
        event.objectUID = uid
        event.host = host
        return event
    }

    /// Each row in a few words.
    private func words(_ rows: [KubernetesTracker.Row]) -> [String] {
        rows.map { row in
            switch row {
            case .pod(let pod, let change): "\(change) \(pod.name) \(pod.phase)"
            case .container(let container, let pod, let change): "\(change) \(pod.name)/\(container.name)"
            case .node(let node, let change): "\(change) \(node.name)"
            case .event(let event, let node): "\(event.reason) \(event.objectUID) on \(node)"
            }
        }
    }

    @Test("what is there at the beginning is existing, what comes later added")
    mutating func existing() {
        #expect(words(tracker.take(.pod(pod("a")))) == ["existing pod-a ", "existing pod-a/main"])
        #expect(tracker.take(.podsListed) == [])
        #expect(words(tracker.take(.pod(pod("b")))) == ["added pod-b ", "added pod-b/main"])
        var node = KubernetesNodeState()
        node.name = "node1"
        #expect(words(tracker.take(.node(node))) == ["existing node1"])
        #expect(tracker.take(.nodeListed) == [])
        #expect(words(tracker.take(.nodeGone)) == ["deleted node1"])
        #expect(tracker.take(.nodeGone) == [])
        #expect(words(tracker.take(.node(node))) == ["added node1"])
        #expect(tracker.take(.node(node)) == [], "a heartbeat")
        node.isUnschedulable = true
        #expect(words(tracker.take(.node(node))) == ["modified node1"])
    }

    @Test("only what changed of a pod is told, and nothing where nothing did")
    mutating func modified() {
        _ = tracker.take(.pod(pod("a")))
        #expect(tracker.take(.pod(pod("a"))) == [])
        let restarted = pod("a") { $0.containers[0].restarts = 1 }
        #expect(words(tracker.take(.pod(restarted))) == ["modified pod-a/main"])
        let failed = pod("a") {
            $0.containers[0].restarts = 1
            $0.phase = "Failed"
        }
        #expect(words(tracker.take(.pod(failed))) == ["modified pod-a Failed"])
        let debugged = pod("a") { pod in
            pod.containers[0].restarts = 2
            pod.phase = "Running"
            var container = KubernetesContainerState()
            container.name = "debug"
            container.role = .ephemeral
            pod.containers.append(container)
        }
        #expect(
            words(tracker.take(.pod(debugged))) == [
                "modified pod-a/main", "added pod-a/debug", "modified pod-a Running",
            ]
        )
    }

    @Test("a pod that is gone is told with how it ended, or, where that was missed, with the last that is known")
    mutating func deleted() {
        _ = tracker.take(.pod(pod("a") { $0.phase = "Running" }))
        _ = tracker.take(.pod(pod("b") { $0.phase = "Running" }))
        let last = pod("a") {
            $0.phase = "Succeeded"
            $0.containers[0].activity = .terminated
        }
        #expect(
            words(tracker.take(.podGone(uid: "a", last: last))) == ["modified pod-a/main", "deleted pod-a Succeeded"]
        )
        #expect(words(tracker.take(.podGone(uid: "b", last: nil))) == ["deleted pod-b Running"])
        #expect(tracker.take(.podGone(uid: "b", last: nil)) == [])
        #expect(tracker.take(.podGone(uid: "never seen", last: last)) == [])
    }

    @Test("events are of this node where kubelet says so, or the pod is known, or becomes known")
    mutating func events() {
        #expect(words(tracker.take(.event(event("n", kind: "Node")))) == ["Scheduled n on node1"])
        #expect(words(tracker.take(.event(event("static", host: "node1")))) == ["Scheduled static on node1"])
        #expect(tracker.take(.event(event("a", host: "node2"))) == [])
        #expect(tracker.take(.event(event("a"))) == [], "nobody knows yet whose it is")
        #expect(tracker.take(.event(event("z"))) == [])
        #expect(words(tracker.take(.pod(pod("a")))).last == "Scheduled a on node1")
        #expect(words(tracker.take(.event(event("a")))) == ["Scheduled a on node1"])
        _ = tracker.take(.podGone(uid: "a", last: nil))
        #expect(words(tracker.take(.event(event("a")))) == ["Scheduled a on node1"], "what is said of it afterwards")
        #expect(tracker.eventsElsewhere == 1)
    }

    @Test("what is remembered is bounded, and what is left out counted")
    mutating func bounds() {
        for number in 0..<KubernetesTracker.mostWaiting + 10 { _ = tracker.take(.event(event("x\(number)"))) }
        #expect(tracker.eventsElsewhere == 10)
        #expect(words(tracker.take(.pod(pod("x9")))).count == 2, "the oldest made room")
        #expect(words(tracker.take(.pod(pod("x10")))).count == 3)
        for number in 0..<KubernetesTracker.mostPods { _ = tracker.take(.pod(pod("p\(number)"))) }
        #expect(tracker.pods.count == KubernetesTracker.mostPods && tracker.podsLeftOut == 2)
        #expect(tracker.take(.podGone(uid: "p\(KubernetesTracker.mostPods - 1)", last: nil)) == [], "it was left out")
    }

    @Test("texts are cut between characters, with a mark, and a record never exceeds its bound")
    mutating func longTexts() throws {
        #expect(KubernetesTextBound.cut("abc", to: 3) == nil)
        #expect(KubernetesTextBound.cut("abcd", to: 3) == "…")
        #expect(KubernetesTextBound.cut("ääää", to: 6) == "ä…")
        #expect(KubernetesTextBound.cut("a😀😀", to: 8) == "a😀…")
        let long = String(repeating: "é", count: 1_000_000)
        var huge = pod("huge") { pod in
            for path in [
                \KubernetesPodState.name, \.namespace, \.workload, \.node, \.phase, \.reason, \.message, \.conditions,
                \.address,
            ] {
                pod[keyPath: path] = long
            }
            pod.containers[0].name = long
            pod.containers[0].id = long
            pod.containers[0].image = long
            pod.containers[0].reason = long
            pod.containers[0].message = long
            var end = KubernetesContainerState.End()
            end.reason = long
            end.containerID = long
            pod.containers[0].lastEnd = end
        }
        huge.containers += Array(repeating: huge.containers[0], count: 999)
        let rows = tracker.take(.pod(huge))
        #expect(rows.count == 1 + KubernetesPodState.mostContainers)
        for row in rows { #expect(row.record.count <= Int(TAPIO_RECORD_BYTES)) }
        guard case .pod(let kept, _) = try #require(rows.first) else { return }
        #expect(kept.message.utf8.count <= 1024 && kept.message.hasSuffix("é…") && kept.messageBytes == 2_000_000)
        #expect(kept.name.utf8.count <= 256 && kept.name.hasSuffix("…"))
        #expect(tracker.textsCut > 0)
        #expect(tracker.take(.pod(huge)) == [], "cut in the same place, it is the same")
        var event = event("huge", host: "node1")
        for path in [
            \KubernetesEventState.type, \.reason, \.message, \.source, \.objectKind, \.objectName, \.objectNamespace,
            \.container,
        ] {
            event[keyPath: path] = long
        }
        for row in tracker.take(.event(event)) { #expect(row.record.count <= Int(TAPIO_RECORD_BYTES)) }
    }
}
