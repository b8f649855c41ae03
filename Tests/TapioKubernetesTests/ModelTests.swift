import Foundation
import TapioTestSupport
import Testing

@testable import TapioKubernetes

@Suite("Models")
struct ModelTests {
    private func decode<Object: Decodable>(_ json: String, as _: Object.Type = Object.self) throws -> Object {
        try JSONDecoder().decode(Object.self, from: Data(json.utf8))
    }

    private func recorded<Object: KubernetesObject>(_ name: String, as _: Object.Type) throws -> [Object] {
        let data = try Data(contentsOf: URL(fileURLWithPath: FakeServer.recorded + "/" + name))
        let page = try JSONDecoder().decode(ListPage<Object>.self, from: data)
        #expect(page.metadata.resourceVersion == "335")
        return try #require(page.items).map { try #require($0.object) }
    }

    @Test("recorded objects are read")
    func recordedObjects() throws {
        let pod = try #require(recorded("pods-list.json", as: Pod.self).first)
        #expect(pod.metadata.uid == "66efc5b1-062f-4ac9-b1be-622691f90ca6")
        #expect(pod.nodeName == "node1" && pod.phase == .running && !pod.usesHostNetwork && !pod.isFinished)
        #expect(pod.addresses.map(\.description) == ["10.88.77.3"])
        #expect(pod.workload == Workload(kind: "Deployment", name: "web"))
        let container = try #require(pod.containers.first)
        #expect(container.name == "app" && container.role == .main && container.restartCount == 0)
        #expect(container.state == .running && container.lastState == .unknown && container.previousID == nil)

        let services = try recorded("services-list.json", as: Service.self)
        #expect(services.map(\.name.name) == ["kubernetes", "web"])
        #expect(services[1].ports == [Service.Port(name: "", number: 80, transport: .tcp)])
        #expect(services[1].clusterAddresses.map(\.description) == ["10.96.189.134"])

        let slice = try #require(recorded("endpointslices-list.json", as: EndpointSlice.self).first)
        #expect(slice.service == ServiceName(namespace: "shop", name: "web"))
        #expect(slice.endpoints.map { $0.pod?.name } == ["web-6775d57776-6tdt7", "web-6775d57776-nbqmr"])
        #expect(slice.ports.map(\.number) == [8080])

        let node = try #require(recorded("nodes-list.json", as: Node.self).first)
        #expect(node.name == "node1")
        #expect(node.conditions.first { $0.type == "MemoryPressure" }?.status == .no)
        #expect(node.kubeletVersion == "v1.36.2" && !node.isUnschedulable)
        #expect(node.createdNs == Timestamp.nanoseconds("2026-11-22T21:08:17Z"))
        #expect(pod.createdNs == Timestamp.nanoseconds("2026-11-22T21:08:56Z") && pod.deletionNs == nil)
        #expect(pod.startedNs == Timestamp.nanoseconds("2026-11-22T21:08:57Z") && pod.reason == "")
        #expect(pod.conditions.map(\.type).contains("PodScheduled") && pod.conditions.allSatisfy { $0.status == .yes })
        #expect(container.isReady == true && container.detail.startedNs == pod.startedNs)
        #expect(container.lastDetail == ContainerStatus.Detail())
    }

    @Test("lines that were damaged by chance are read or refused, and never more")
    func damagedLines() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: FakeServer.recorded + "/pods-watch.ndjson"))
        let lines = data.split(separator: UInt8(ascii: "\n")).dropFirst()
        var refused = 0
        for _ in 0..<1_000 {
            var line = Array(lines.randomElement()!)
            for _ in 0..<Int.random(in: 1...4) {
                let index = line.indices.randomElement()!
                switch Int.random(in: 0..<3) {
                case 0: line[index] = .random(in: 0...255)
                case 1: line.remove(at: index)
                default: line.removeSubrange(index..<min(index + .random(in: 0..<400), line.count - 1))
                }
            }
            guard let change = try? JSONDecoder().decode(WatchLine<Pod>.self, from: Data(line)) else {
                refused += 1
                continue
            }
            if case .present(let candidate) = change, let pod = candidate.object {
                #expect(!pod.metadata.uid.isEmpty && candidate.metadata == pod.metadata)
            }
        }
        #expect((1..<1_000).contains(refused))
    }

    @Test("a pod needs no more than a name and a UID")
    func smallPod() throws {
        let pod: Pod = try decode(#"{"metadata":{"name":"p","uid":"u"}}"#)
        #expect(pod.phase == .unknown && pod.containers.isEmpty && pod.addresses.isEmpty && pod.nodeName == nil)
        #expect(pod.workload == Workload(kind: "Pod", name: "p"))
        for json in ["{}", #"{"metadata":{"name":"p"}}"#, #"{"metadata":{"name":"","uid":"u"}}"#, "[]", "null"] {
            #expect(throws: DecodingError.self) { try decode(json, as: Pod.self) }
        }
    }

    @Test("containers of all roles and states are read")
    func containers() throws {
        let pod: Pod = try decode(
            """
            {"metadata": {"name": "p", "uid": "u"}, "spec": {"hostNetwork": true}, "status": {
              "phase": "NewPhase", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}, {"ip": "no"}],
              "containerStatuses": [
                {"name": "main", "containerID": "cri-o://abc", "restartCount": 3,
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "containerID": "cri-o://old"}}},
                {"name": "new", "containerID": "", "state": {"waiting": {}}}],
              "initContainerStatuses": [
                {"name": "init", "containerID": "docker://def", "state": {"terminated": {"exitCode": 0}}}],
              "ephemeralContainerStatuses": [{"name": "debug", "containerID": "none", "state": {"running": {}}}]}}
            """
        )
        #expect(pod.usesHostNetwork && pod.phase == .unknown)
        #expect(pod.addresses.map(\.description) == ["10.0.0.1", "fd00:0:0:0:0:0:0:1"])
        #expect(pod.containers.map(\.name) == ["main", "new", "init", "debug"])
        #expect(pod.containers.map(\.role) == [.main, .main, .initial, .ephemeral])
        #expect(pod.containers.map(\.id) == ["abc", nil, "def", nil])
        #expect(pod.containers.map(\.previousID) == ["old", nil, nil, nil])
        #expect(pod.containers[0].state == .waiting(reason: "CrashLoopBackOff"))
        #expect(pod.containers[0].lastState == .terminated(reason: "OOMKilled", exitCode: 137))
        #expect(pod.containers[1].state == .waiting(reason: ""))
        #expect(pod.containers[2].state == .terminated(reason: "", exitCode: 0))
        #expect(pod.containers[3].state == .running)
    }

    @Test(
        "a workload is seen through what only stands between",
        arguments: [
            ("ReplicaSet", "web-6775d57776", "6775d57776", "Deployment", "web"),
            ("ReplicaSet", "web-6775d57776", "other", "ReplicaSet", "web-6775d57776"),
            ("ReplicaSet", "web-6775d57776", nil, "ReplicaSet", "web-6775d57776"),
            ("ReplicaSet", "-abc", "abc", "ReplicaSet", "-abc"),
            ("ReplicaSet", "web", "", "ReplicaSet", "web"),
            ("Job", "backup-29345678", nil, "CronJob", "backup"),
            ("Job", "import-20260101", nil, "Job", "import-20260101"),
            ("Job", "import", nil, "Job", "import"),
            ("Job", "-29345678", nil, "Job", "-29345678"),
            ("DaemonSet", "agent", nil, "DaemonSet", "agent"),
        ] as [(String, String, String?, String, String)]
    )
    func workload(kind: String, name: String, hash: String?, workload: String, called: String) {
        let found = Workload(pod: "p", controller: Workload(kind: kind, name: name), templateHash: hash)
        #expect(found == Workload(kind: workload, name: called))
    }

    @Test("only the owner that controls a pod is its workload")
    func owners() throws {
        let pod: Pod = try decode(
            """
            {"metadata": {"name": "p", "uid": "u", "ownerReferences": [
              {"kind": "Node", "name": "n"}, {"kind": "StatefulSet", "name": "db", "controller": true}]}}
            """
        )
        #expect(pod.workload == Workload(kind: "StatefulSet", name: "db"))
    }

    @Test("headless services have no address, and unknown protocols are no services of ours")
    func services() throws {
        let headless: Service = try decode(
            #"{"metadata":{"name":"s","uid":"u","namespace":"n"},"spec":{"clusterIP":"None","clusterIPs":["None"]}}"#
        )
        #expect(headless.clusterAddresses.isEmpty && headless.type == "ClusterIP")
        let dual: Service = try decode(
            """
            {"metadata":{"name":"s","uid":"u"},"spec":{"type":"NodePort","clusterIP":"10.0.0.1",
             "clusterIPs":["10.0.0.1","fd00::1"],"ports":[{"name":"a","port":53,"protocol":"UDP"},{"port":80}]}}
            """
        )
        #expect(dual.clientAddresses.count == 4)
        for port in [#"{"port":70000}"#, #"{"port":80,"protocol":"ICMP"}"#, "{}"] {
            let json = #"{"metadata":{"name":"s","uid":"u"},"spec":{"ports":["# + port + "]}}"
            #expect(throws: DecodingError.self) { try decode(json, as: Service.self) }
        }
    }

    @Test("events of both kinds are read")
    func events() throws {
        let old: KubernetesEvent = try decode(
            """
            {"metadata":{"name":"e","namespace":"n","uid":"u"},"reason":"BackOff","type":"Warning","message":"m","count":7,
             "involvedObject":{"kind":"Pod","namespace":"n","name":"p","uid":"pu"},"source":{"component":"kubelet"},
             "firstTimestamp":"2026-11-22T21:08:56Z","lastTimestamp":"2026-11-22T21:09:56Z","eventTime":null}
            """
        )
        #expect(old.reason == "BackOff" && old.type == "Warning" && old.message == "m" && old.count == 7)
        #expect(old.objectKind == "Pod" && old.object == ObjectKey(uid: "pu", namespace: "n", name: "p"))
        #expect(old.source == "kubelet")
        #expect(try #require(old.lastSeenNs) - #require(old.firstSeenNs) == 60_000_000_000)
        let new: KubernetesEvent = try decode(
            """
            {"metadata":{"name":"e","uid":"u"},"reason":"Scheduled","reportingComponent":"scheduler","source":{},
             "eventTime":"2026-11-22T21:08:56.000001Z","firstTimestamp":null,"lastTimestamp":null,
             "series":{"count":3,"lastObservedTime":"2026-11-22T21:08:57.5Z"}}
            """
        )
        #expect(new.count == 3 && new.source == "scheduler" && new.objectKind == "")
        #expect(try #require(new.lastSeenNs) - #require(new.firstSeenNs) == 1_499_999_000)
    }

    @Test(
        "times are read as RFC 3339 has them",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00Z", 951_825_600_000_000_000),
            ("2026-11-22T21:08:56Z", 1_795_381_736_000_000_000),
            ("2026-11-22T21:08:56.123456789Z", 1_795_381_736_123_456_789),
            ("2026-11-22T21:08:56.5Z", 1_795_381_736_500_000_000), ("1969-12-31T23:59:59Z", nil),
            ("2026-11-22T21:08:56", nil), ("2026-11-22T21:08:56+01:00", nil), ("2026-13-22T21:08:56Z", nil),
            ("2026-11-22T24:08:56Z", nil), ("2026-11-22T21:08:56.Z", nil), ("2026-11-22T21:08:5xZ", nil), ("", nil),
            ("2026-11-22T21:08:56.1234567891Z", nil), ("9999-11-22T21:08:56Z", nil),
        ] as [(String, Int64?)]
    )
    func times(text: String, nanoseconds: Int64?) {
        #expect(Timestamp.nanoseconds(text) == nanoseconds)
    }

    @Test("an address is the same however it is written")
    func addresses() throws {
        #expect(IPAddress("10.0.0.1") == IPAddress(v4: 0x0A00_0001))
        #expect(IPAddress("::ffff:10.0.0.1") == IPAddress("10.0.0.1"))
        #expect(IPAddress("fd00:0:0::1") == IPAddress("FD00::0001"))
        #expect(IPAddress("fd00::1") == IPAddress(high: 0xFD00_0000_0000_0000, low: 1))
        #expect(IPAddress("10.0.0.1")?.description == "10.0.0.1")
        #expect(try #require(IPAddress("::1")).isV4 == false)
        for text in ["", "10.0.0", "10.0.0.256", "10.0.0.1 ", "None", "fd00::1::2", "fe80::1%eth0", "10.0.0.1\0x"] {
            #expect(IPAddress(text) == nil, "\(text)")
        }
    }
}
