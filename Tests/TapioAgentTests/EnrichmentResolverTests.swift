import Foundation
import Glibc
import TapioBPF
import TapioCollectors
import TapioEnrichment
import TapioEvents
import TapioKubernetes
import TapioRings
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("Whose cgroups are")
struct EnrichmentResolverTests {
    private func record(cgroup: UInt64) -> [UInt8] {
        var header = tapio_header()
        header.cgroup_id = cgroup
        return withUnsafeBytes(of: header) { Array($0) }
    }

    private func ask(_ enricher: Enricher, _ cgroup: UInt64) -> [String: String] {
        let record = record(cgroup: cgroup)
        let id = enricher.id(for: record.span.bytes, reader: 0, nowNs: MonotonicClock.monotonicNs)
        let entry = enricher.table.entries[Int(id.owner)]
        var found: [String: String] = [:]
        for column in EnrichmentColumn.allCases where !entry[column.rawValue].isEmpty {
            found[column.column.name] = String(decoding: entry[column.rawValue], as: UTF8.self)
        }
        return found
    }

    /// Asks until somebody knows.
    private func answer(
        _ enricher: Enricher,
        _ cgroup: UInt64,
        until isThere: ([String: String]) -> Bool
    ) async throws
        -> [String: String]
    {
        let limit = Deadline(seconds: 10)
        while true {
            let found = ask(enricher, cgroup)
            if isThere(found) || limit.isOver { return found }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private var roots: [String] {
        CgroupPaths.roots(mounts: String(decoding: TestFile.read("/proc/self/mounts") ?? [], as: UTF8.self))
    }

    private func enricher() -> Enricher {
        let remote = RemoteLookup(registry: CollectorRegistry.schemas, capacity: 100, readers: 1, hasCluster: false)
        return Enricher(capacity: 100, timeToLive: .seconds(3600), readers: 1, remote: remote)
    }

    @Test("first late, then the container and the pod's UID; what is no container's has none; what is gone is expired")
    func container() async throws {
        let group = try #require(PodCgroup())
        let enricher = enricher()
        let resolver = EnrichmentResolver(enricher, roots: roots, hasCluster: false)
        async let running: Void = resolver.run()
        #expect(ask(enricher, group.id) == ["container_status": "late", "pod_status": "late"])
        let found = try await answer(enricher, group.id) { $0["container_status"] != "late" }
        #expect(
            found == [
                "container_id": group.containerID, "pod_uid": group.uid, "container_status": "hit",
                "pod_status": "disabled",
            ]
        )
        var status = stat()
        #expect(stat(roots[0], &status) == 0)
        let root = try await answer(enricher, UInt64(status.st_ino)) { $0["container_status"] != "late" }
        #expect(root == ["container_status": "absent", "pod_status": "absent"])
        let gone = try await answer(enricher, 1 << 50) { $0["container_status"] != "late" }
        #expect(gone == ["container_status": "expired", "pod_status": "expired"])
        #expect(enricher.gone.statistics.insertions >= 1 && enricher.gone.statistics.hits >= 1)
        #expect(ask(enricher, 0) == [:])
        let statistics = await resolver.statistics
        // One that is asked for while it is being found out about is found out about once more.
        #expect(statistics.resolved >= 2 && statistics.gone >= 1)
        enricher.finish()
        await running
    }

    @Test("names of pod, container, workload and service once the cluster tells them; then they change with it")
    func cluster() async throws {
        let group = try #require(PodCgroup())
        let enricher = enricher()
        let resolver = EnrichmentResolver(enricher, roots: roots, hasCluster: true)
        async let running: Void = resolver.run()
        let unknown = try await answer(enricher, group.id) { $0["container_status"] == "hit" }
        #expect(unknown["pod_status"] == "late" && unknown["pod_uid"] == group.uid && unknown["pod"] == nil)

        var state = ClusterState()
        let pod = try JSONDecoder().decode(
            Pod.self,
            from: Data(
                """
                {"metadata": {"uid": "\(group.uid)", "name": "web-1", "namespace": "shop", "resourceVersion": "1",
                  "ownerReferences": [{"controller": true, "kind": "StatefulSet", "name": "web"}]},
                 "spec": {"nodeName": "n", "containers": [{"name": "app"}]},
                 "status": {"phase": "Running", "podIP": "10.1.2.3", "containerStatuses": [
                   {"name": "app", "containerID": "containerd://\(group.containerID)", "image": "i", "restartCount": 0,
                    "state": {"running": {}}, "lastState": {}}]}}
                """.utf8
            )
        )
        state.apply(.pod(.added(pod)))
        await resolver.update(state.snapshot, servicesOfPods: state.snapshot.servicesOfPods())
        let known = ask(enricher, group.id)
        #expect(known["pod"] == "web-1" && known["namespace"] == "shop" && known["container"] == "app")
        #expect(known["workload"] == "StatefulSet/web" && known["pod_status"] == "hit" && known["service"] == nil)

        let slice = try JSONDecoder().decode(
            EndpointSlice.self,
            from: Data(
                """
                {"metadata": {"uid": "s", "name": "front-x", "namespace": "shop", "resourceVersion": "2",
                  "labels": {"kubernetes.io/service-name": "front"}}, "addressType": "IPv4",
                 "endpoints": [{"addresses": ["10.1.2.3"],
                   "targetRef": {"kind": "Pod", "uid": "\(group.uid)", "namespace": "shop", "name": "web-1"}}],
                 "ports": [{"port": 80, "protocol": "TCP"}]}
                """.utf8
            )
        )
        state.apply(.endpointSlice(.added(slice)))
        await resolver.update(state.snapshot, servicesOfPods: state.snapshot.servicesOfPods())
        #expect(ask(enricher, group.id)["service"] == "front")
        enricher.finish()
        await running
    }

    @Test("more cgroups than can wait are asked for again; a reader never waits")
    func flood() async throws {
        let enricher = enricher()
        for cgroup in 1...UInt64(2 * Enricher.mostWaiting) {
            #expect(ask(enricher, cgroup)["container_status"] == "late")
        }
        #expect(enricher.refusedQuestions > 0)
        #expect(enricher.takeWaiting().count <= 2 * Enricher.mostWaiting)
    }
}
