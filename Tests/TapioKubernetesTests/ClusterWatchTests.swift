import TapioRings
import TapioTestSupport
import Testing

@testable import TapioKubernetes

@Suite("ClusterWatch on a server", .serialized)
struct ClusterWatchTests {
    private let server: FakeServer

    init() throws {
        server = try FakeServer()
    }

    /// Listens until the snapshot is as wanted.
    private func until(
        _ watch: ClusterWatch,
        _ isSo: (ClusterSnapshot) -> Bool
    ) async throws -> ClusterSnapshot {
        // A bound for a test that fails; the updates are what is waited for.
        let patience = Task {
            try await Task.sleep(for: .seconds(60))
            watch.stop()
        }
        defer { patience.cancel() }
        if isSo(watch.snapshot) { return watch.snapshot }
        for await _ in watch.updates {
            let snapshot = watch.snapshot
            if isSo(snapshot) { return snapshot }
        }
        throw FakeServerFailure(description: "it never came to that: \(watch.statistics)")
    }

    @Test("the recorded cluster is known by container, address and name")
    func recordedCluster() async throws {
        try server.loadRecordedCluster()
        let scope = ClusterWatch.Scope(nodeName: "node1")
        let watch = try ClusterWatch(server: server.settings(), scope: scope, settings: .quick())
        defer { watch.stop() }
        let snapshot = try await until(watch) { $0.isSynced(scope.resources) }
        #expect(snapshot.pods.count == 2 && snapshot.services.count == 2)
        #expect(snapshot.nodes.map(\.name) == ["node1"] && snapshot.endpointSlices.count == 1)
        #expect(snapshot.beyondBound == 0)

        let address = try #require(IPAddress("10.88.77.3"))
        let pod = try #require(snapshot.pod(at: address))
        #expect(pod.metadata.name == "web-6775d57776-6tdt7" && pod.metadata.namespace == "shop")
        #expect(pod.workload == Workload(kind: "Deployment", name: "web"))
        let id = "299c521f04bbc0c404398d0fcc179bb21b9ba78034b72e7ade3d8a60b304dbff"
        let container = try #require(snapshot.container(id: id))
        #expect(container.status.name == "app" && container.status.image == "localhost/bb:2")
        #expect(container.pod == pod)
        #expect(snapshot.pod(uid: "66efc5b1-062f-4ac9-b1be-622691f90ca6") == pod)

        let clusterAddress = try #require(IPAddress("10.96.189.134"))
        let name = ServiceName(namespace: "shop", name: "web")
        #expect(snapshot.service(at: SocketAddress(clusterAddress, port: 80))?.name == name)
        #expect(snapshot.service(at: SocketAddress(clusterAddress, port: 81)) == nil)
        #expect(snapshot.service(at: SocketAddress(clusterAddress, port: 80, transport: .udp)) == nil)
        #expect(snapshot.service(named: name)?.type == "ClusterIP")
        let backend = try #require(snapshot.backend(at: SocketAddress(address, port: 8080)))
        #expect(backend.service == name && backend.nodeName == "node1")
        #expect(backend.pod == ObjectKey(pod.metadata))
        #expect(snapshot.node(named: "node1")?.conditions.first { $0.type == "Ready" } != nil)
        #expect(snapshot.node(named: "node2") == nil)

        let selectors = Dictionary(
            uniqueKeysWithValues: try server.requests("list").map { ($0.path, $0.query["fieldSelector"]) }
        )
        #expect(selectors[Resource.pods.path] == "spec.nodeName=node1")
        #expect(selectors[Resource.nodes.path] == "metadata.name=node1")
        #expect(selectors[Resource.services.path] == .some(nil))
        #expect(watch.statistics.count == 4)
    }

    @Test("each change is told once the snapshot has it, and a snapshot never changes")
    func changes() async throws {
        let seen = Guarded<[ClusterChange]>([])
        let scope = ClusterWatch.Scope(nodeName: nil, resources: [.pods])
        let watch = try ClusterWatch(server: server.settings(), scope: scope, settings: .quick()) { change in
            seen.withLock { $0.append(change) }
        }
        try server.awaitWatches()
        let before = watch.snapshot
        try server.putPod("a")
        let between = try await until(watch) { $0.pods.count == 1 }
        try server.deletePod("a")
        let after = try await until(watch) { $0.pods.isEmpty }
        #expect(before.pods.isEmpty && between.pods.count == 1)
        #expect(before.revision < between.revision && between.revision < after.revision)
        watch.stop()
        let pod = try #require(between.pods.first)
        #expect(
            seen.withLock { $0 }.prefix(2) == [.pod(.synced), .pod(.added(pod))]
                && seen.withLock { $0.count } == 3
        )
        // The stream has ended.
        for await _ in watch.updates {}
        #expect(watch.snapshot.revision == after.revision)
    }

    @Test(
        "after a thousand changes it knows what the server holds",
        arguments: [(UInt64(1), false), (2, true), (3, true)]
    )
    func churn(seed: UInt64, disturbs: Bool) async throws {
        let scope = ClusterWatch.Scope(nodeName: "node1", resources: [.pods])
        let watch = try ClusterWatch(server: server.settings(), scope: scope, settings: .quick { $0.pageLimit = 30 })
        defer { watch.stop() }
        try server.awaitWatches()
        try server.command(
            "churn",
            ["path": Resource.pods.path, "count": 1_000, "seed": seed, "disturbs": disturbs]
        )
        let held = Dictionary(uniqueKeysWithValues: try server.held(Pod.self).map { ($0.metadata.uid, $0) })
        #expect(held.count > 20)
        let snapshot = try await until(watch) { snapshot in
            snapshot.pods.count == held.count && snapshot.pods.allSatisfy { held[$0.metadata.uid] == $0 }
        }
        for pod in held.values {
            for id in [pod.containers.first?.id, pod.containers.first?.previousID].compactMap(\.self) {
                #expect(snapshot.container(id: id)?.pod == pod)
            }
            for address in pod.addresses { #expect(snapshot.pod(at: address) == (pod.isFinished ? nil : pod)) }
        }
        // Nothing else is left of what came and went.
        #expect(snapshot.podsByAddress.count == held.values.count { !$0.isFinished })
        let ids = held.values.flatMap(\.containers).flatMap { [$0.id, $0.previousID] }.compactMap(\.self)
        #expect(snapshot.podsByContainer.count == ids.count)
        let statistics = try #require(watch.statistics[.pods])
        #expect(statistics.objects == held.count && statistics.beyondBound == 0)
        #expect(Int(statistics.added) - Int(statistics.deleted) == held.count)
        if disturbs {
            #expect(statistics.reconnects > 0 && statistics.relists > 0 && statistics.malformed > 0, "\(statistics)")
        } else {
            #expect(statistics.watches == 1 && statistics.lists == 1 && statistics.lastError == nil)
        }
    }
}
