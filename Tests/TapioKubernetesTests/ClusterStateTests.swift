import Foundation
import Testing

@testable import TapioKubernetes

@Suite("ClusterState")
struct ClusterStateTests {
    private func pod(
        _ uid: String,
        address: String = "10.0.0.1",
        containers: [String] = [],
        previous: String? = nil,
        phase: String = "Running",
        hostNetwork: Bool = false
    ) throws -> Pod {
        let last = previous.map { #","lastState":{"terminated":{"containerID":"c://\#($0)"}}"# } ?? ""
        let statuses = containers.map { #"{"name":"\#($0)","containerID":"c://\#($0)"\#(last)}"# }
        return try decode(
            """
            {"metadata":{"name":"\(uid)","uid":"\(uid)"},"spec":{"hostNetwork":\(hostNetwork)},
             "status":{"phase":"\(phase)","podIPs":[{"ip":"\(address)"}],
             "containerStatuses":[\(statuses.joined(separator: ","))]}}
            """
        )
    }

    private func slice(_ uid: String, service: String?, addresses: [String], port: Int?) throws -> EndpointSlice {
        let label = service.map { #""labels":{"kubernetes.io/service-name":"\#($0)"},"# } ?? ""
        let endpoints = addresses.map { #"{"addresses":["\#($0)"]}"# }.joined(separator: ",")
        return try decode(
            """
            {"metadata":{\(label)"name":"\(uid)","uid":"\(uid)","namespace":"n"},"endpoints":[\(endpoints)],
             "ports":[{"port":\(port.map(String.init) ?? "null")}]}
            """
        )
    }

    private func decode<Object: Decodable>(_ json: String) throws -> Object {
        try JSONDecoder().decode(Object.self, from: Data(json.utf8))
    }

    private func key(_ uid: String) -> ObjectKey { ObjectKey(uid: uid, namespace: "", name: uid) }
    private let address = IPAddress(v4: 0x0A00_0001)

    @Test("an address that goes from one pod to the next is the newer one's, in whatever order the changes come")
    func reusedAddress() throws {
        var state = ClusterState()
        state.apply(.pod(.added(try pod("old"))))
        state.apply(.pod(.added(try pod("new"))))
        #expect(state.snapshot.pod(at: address)?.metadata.uid == "new")
        state.apply(.pod(.updated(try pod("old", phase: "Succeeded"))))
        #expect(state.snapshot.pod(at: address)?.metadata.uid == "new")
        state.apply(.pod(.deleted(key("old"), last: nil)))
        #expect(state.snapshot.pod(at: address)?.metadata.uid == "new")
        // The other way round: the newer goes first.
        state.apply(.pod(.added(try pod("third"))))
        state.apply(.pod(.deleted(key("third"), last: nil)))
        #expect(state.snapshot.pod(at: address)?.metadata.uid == "new")
        state.apply(.pod(.deleted(key("new"), last: nil)))
        #expect(state.snapshot.pod(at: address) == nil)
        #expect(state.snapshot.podsByAddress.count == 0)
    }

    @Test("a finished pod and one on the node's network have no address of their own")
    func noAddress() throws {
        var state = ClusterState()
        state.apply(.pod(.added(try pod("host", hostNetwork: true))))
        state.apply(.pod(.added(try pod("done", phase: "Failed"))))
        #expect(state.snapshot.pod(at: address) == nil)
        #expect(state.snapshot.pods.count == 2)
    }

    @Test("a container is found by its id, and after a restart by both of them")
    func restart() throws {
        var state = ClusterState()
        state.apply(.pod(.added(try pod("p", containers: ["first"]))))
        state.apply(.pod(.updated(try pod("p", containers: ["second"], previous: "first"))))
        #expect(state.snapshot.container(id: "first")?.status.id == "second")
        #expect(state.snapshot.container(id: "second")?.status.id == "second")
        state.apply(.pod(.updated(try pod("p", containers: ["third"], previous: "second"))))
        #expect(state.snapshot.container(id: "first") == nil)
        state.apply(.pod(.deleted(key("p"), last: nil)))
        #expect(state.snapshot.container(id: "third") == nil)
        #expect(state.snapshot.podsByContainer.count == 0)
    }

    @Test("an endpoint is found by its port, else as one of all ports; a slice of no service has none")
    func endpoints() throws {
        var state = ClusterState()
        state.apply(.endpointSlice(.added(try slice("a", service: "web", addresses: ["10.0.0.1"], port: 80))))
        state.apply(.endpointSlice(.added(try slice("b", service: "all", addresses: ["10.0.0.1"], port: nil))))
        state.apply(.endpointSlice(.added(try slice("c", service: nil, addresses: ["10.0.0.2"], port: 80))))
        #expect(state.snapshot.backend(at: SocketAddress(address, port: 80))?.service.name == "web")
        #expect(state.snapshot.backend(at: SocketAddress(address, port: 81))?.service.name == "all")
        #expect(state.snapshot.backend(at: SocketAddress(IPAddress(v4: 0x0A00_0002), port: 80)) == nil)
        // An endpoint that moves to another slice of its service is never lost.
        state.apply(.endpointSlice(.added(try slice("d", service: "web", addresses: ["10.0.0.1"], port: 80))))
        state.apply(.endpointSlice(.updated(try slice("a", service: "web", addresses: [], port: 80))))
        #expect(state.snapshot.backend(at: SocketAddress(address, port: 80))?.service.name == "web")
        state.apply(.endpointSlice(.deleted(key("d"), last: nil)))
        #expect(state.snapshot.backend(at: SocketAddress(address, port: 80))?.service.name == "all")
    }

    @Test("a service of the same name takes the place of the one before")
    func recreatedService() throws {
        var state = ClusterState()
        func service(_ uid: String, _ address: String) throws -> Service {
            try decode(
                """
                {"metadata":{"name":"s","namespace":"n","uid":"\(uid)"},
                 "spec":{"clusterIPs":["\(address)"],"ports":[{"port":80}]}}
                """
            )
        }
        let name = ServiceName(namespace: "n", name: "s")
        state.apply(.service(.added(try service("a", "10.0.0.1"))))
        state.apply(.service(.added(try service("b", "10.0.0.2"))))
        state.apply(.service(.deleted(key("a"), last: nil)))
        #expect(state.snapshot.service(named: name)?.metadata.uid == "b")
        #expect(state.snapshot.service(at: SocketAddress(address, port: 80)) == nil)
        state.apply(.service(.updated(try service("b", "10.0.0.1"))))
        #expect(state.snapshot.service(at: SocketAddress(address, port: 80))?.metadata.uid == "b")
    }

    @Test("what is beyond a bound is counted and left out")
    func bounds() throws {
        var state = ClusterState(mostObjects: 2, mostKeys: 3)
        state.apply(.pod(.added(try pod("a", address: "10.0.0.1", containers: ["1", "2", "3", "4"]))))
        #expect(state.snapshot.podsByContainer.count == 3 && state.snapshot.beyondBound == 1)
        state.apply(.pod(.added(try pod("b", address: "10.0.0.2"))))
        state.apply(.pod(.added(try pod("c", address: "10.0.0.3", containers: ["5"]))))
        #expect(state.snapshot.pods.count == 2 && state.snapshot.beyondBound == 2)
        #expect(state.snapshot.pod(at: IPAddress(v4: 0x0A00_0003)) == nil)
        state.apply(.pod(.deleted(key("c"), last: nil)))
        state.apply(.pod(.deleted(key("a"), last: nil)))
        #expect(state.snapshot.podsByContainer.count == 0 && state.snapshot.pods.count == 1)
    }

    @Test("that a key is many objects' is bounded too")
    func sharedKey() {
        var index = Index<String>()
        for number in 0..<100 { index.insert("k", "\(number)", most: 10) }
        #expect(index["k"] == "99")
        #expect(index.beyondBound == 84)
        for number in (84..<100).reversed() {
            #expect(index["k"] == "\(number)")
            index.remove("k", "\(number)")
        }
        #expect(index["k"] == nil && index.count == 0)
    }

    @Test("it counts as synced once each of the resources is; events change nothing")
    func synced() throws {
        var state = ClusterState()
        #expect(!state.snapshot.isSynced([.pods]) && state.snapshot.isSynced([.events]))
        state.apply(.pod(.synced))
        state.apply(.event(.synced))
        #expect(state.snapshot.isSynced([.pods, .events]) && !state.snapshot.isSynced([.pods, .nodes]))
        state.apply(.node(.synced))
        state.apply(.service(.synced))
        state.apply(.endpointSlice(.synced))
        #expect(state.snapshot.isSynced(Set(Resource.allCases)))
    }

    @Test("an index of random changes equals one that is built from what is left")
    func randomChanges() throws {
        var state = ClusterState()
        var live: [String: Pod] = [:]
        for _ in 0..<3_000 {
            let uid = "p\(Int.random(in: 0..<40))"
            if Bool.random() {
                let ids = (0..<Int.random(in: 0...3)).map { "\(uid)-\($0)-\(Int.random(in: 0..<5))" }
                let pod = try pod(
                    uid,
                    address: "10.0.0.\(Int.random(in: 0..<20))",
                    containers: ids,
                    phase: ["Running", "Failed"].randomElement()!
                )
                state.apply(.pod(live[uid] == nil ? .added(pod) : .updated(pod)))
                live[uid] = pod
            } else {
                state.apply(.pod(.deleted(key(uid), last: nil)))
                live[uid] = nil
            }
        }
        let snapshot = state.snapshot
        #expect(snapshot.pods.count == live.count)
        #expect(snapshot.beyondBound == 0)
        let ids = Set(live.values.flatMap(\.containers).compactMap(\.id))
        #expect(snapshot.podsByContainer.count == ids.count)
        for id in ids { #expect(snapshot.container(id: id)?.status.id == id) }
        let addresses = Set(live.values.filter { !$0.isFinished }.flatMap(\.addresses))
        #expect(snapshot.podsByAddress.count == addresses.count)
        for address in addresses { #expect(snapshot.pod(at: address)?.addresses == [address]) }
    }
}
