import Foundation
import TapioTestSupport
import Testing

@testable import TapioKubernetes

@Suite("Reflector on a server", .serialized)
struct ReflectorTests {
    private let server: FakeServer
    private let changes = Changes<Pod>()

    init() throws {
        server = try FakeServer()
    }

    @Test("a list comes in pages, all of it before it counts as synced")
    func paging() async throws {
        for number in 1...7 { try server.putPod("p\(number)", ["spec": ["nodeName": "node1"]]) }
        try server.putPod("elsewhere", ["spec": ["nodeName": "node2"]])
        let reflector = try changes.reflect(server.settings(), selecting: "spec.nodeName=node1") { $0.pageLimit = 3 }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words == (1...7).map { "+p\($0)" } + ["synced"])
        let lists = try server.requests("list")
        #expect(lists.map { $0.query["limit"] } == ["3", "3", "3"])
        #expect(lists.map { $0.query["fieldSelector"] } == Array(repeating: "spec.nodeName=node1", count: 3))
        #expect(lists.map { $0.query["continue"] == nil } == [true, false, false])
        let watch = try #require(server.requests("watch").first)
        #expect(watch.query["resourceVersion"] == "9")
        #expect(watch.query["allowWatchBookmarks"] == "true")
        #expect(try #require(Int(watch.query["timeoutSeconds"] ?? "")) >= 300)
        let statistics = reflector.statistics
        #expect(statistics.lists == 1 && statistics.pages == 3 && statistics.added == 7 && statistics.objects == 7)
        #expect(statistics.isSynced && !statistics.isFailing && statistics.lastError == nil)
    }

    @Test("a recorded rollout ends with what the server holds; pods that go are told with how they ended")
    func rollout() async throws {
        try server.loadRecordedCluster()
        let reflector = try changes.reflect(server.settings(), selecting: "spec.nodeName=node1")
        defer { reflector.stop() }
        try server.awaitWatches()
        try server.command("replay", ["file": "pods-watch.ndjson", "path": Resource.pods.path])
        try await until("the last change of the rollout") { reflector.statistics.updated >= 26 }

        var known: [String: Pod] = [:]
        for change in changes.all {
            switch change {
            case .added(let pod), .updated(let pod): known[pod.metadata.uid] = pod
            case .deleted(let key, _): known[key.uid] = nil
            case .synced: #expect(known.count == 2)
            }
        }
        let held = try server.held(Pod.self)
        #expect(held.count == 4)
        #expect(known == Dictionary(uniqueKeysWithValues: held.map { ($0.metadata.uid, $0) }))
        let ends = changes.all.compactMap { change -> Pod? in
            if case .deleted(_, let last) = change { last } else { nil }
        }
        #expect(ends.map(\.metadata.name) == ["web-6775d57776-6tdt7", "web-6775d57776-nbqmr"])
        #expect(
            ends.allSatisfy {
                $0.phase == .failed && $0.containers.first?.state == .terminated(reason: "Error", exitCode: 137)
            }
        )
        let statistics = reflector.statistics
        #expect(statistics.added == 6 && statistics.deleted == 2 && statistics.malformed == 0)
        #expect(statistics.watches == 1 && statistics.reconnects == 0)
    }

    @Test("a bookmark moves on the version from which the next watch begins")
    func bookmarks() async throws {
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        try server.command("replay", ["file": "pods-watch-timeout70.ndjson", "path": Resource.pods.path])
        try await until("three bookmarks") { reflector.statistics.bookmarks == 3 }
        // Something else moves the version on, and a bookmark tells it.
        try server.command("put", ["path": Resource.nodes.path, "object": ["metadata": ["name": "n", "uid": "n"]]])
        try server.command("disturb", ["how": "bookmark"])
        try await until("the bookmark") { reflector.statistics.bookmarks == 4 }
        try server.command("disturb", ["how": "end"])
        try await until("a second watch") { reflector.statistics.watches == 2 }
        #expect(try server.requests("watch").last?.query["resourceVersion"] == "590")
        #expect(try server.requests("list").count == 1)
        #expect(changes.words == ["synced", "+p1", "+p2", "+p3"])
    }

    @Test("where the version is gone it lists anew, and tells what vanished meanwhile", arguments: [false, true])
    func expiredVersion(asStatus: Bool) async throws {
        for name in ["stays", "changes", "vanishes"] { try server.putPod(name) }
        if asStatus { try server.command("expired-as-status") }
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        // All of this happens while no watch is answered, and is forgotten.
        try server.fail("watch", ["status": 500, "times": 1_000_000])
        try server.command("disturb", ["how": "break"])
        try await until("the connection is lost") { reflector.statistics.reconnects >= 1 }
        try server.putPod("changes", ["status": ["phase": "Running"]])
        try server.putPod("comes")
        try server.deletePod("vanishes")
        try server.command("compact")
        try server.command("heal")
        try await until("the new list is complete") { changes.words.count { $0 == "synced" } == 2 }
        #expect(Set(changes.words.dropFirst(4)) == ["~changes", "+comes", "-vanishes?", "synced"])
        #expect(changes.words.last == "synced")
        let statistics = reflector.statistics
        #expect(statistics.lists == 2 && statistics.relists == 1 && statistics.unchanged == 1)
        #expect(statistics.objects == 3)
    }

    @Test("the recorded error of a version that is gone leads to a new list")
    func recordedExpiry() async throws {
        try server.putPod("a")
        let line = try String(contentsOfFile: Self.recorded("watch-expired-200-stream.ndjson"), encoding: .utf8)
        try server.fail("watch", ["lines": [line]])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.lists == 2)
        #expect(reflector.statistics.relists == 1)
        #expect(changes.words == ["+a", "synced", "synced"])
        #expect(reflector.statistics.lastError?.reason == "HTTP 410: too old resource version: 1 (582)")
    }

    @Test("where a page's token is gone it lists from the beginning")
    func expiredPage() async throws {
        for number in 1...5 { try server.putPod("p\(number)") }
        try server.fail("list", ["status": 410, "after": 1])
        let reflector = try changes.reflect(server.settings()) { $0.pageLimit = 2 }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words == (1...5).map { "+p\($0)" } + ["synced"])
        #expect(reflector.statistics.lists == 2 && reflector.statistics.relists == 1)
        #expect(reflector.statistics.unchanged == 2)
    }

    @Test("a connection that breaks in the middle of a line loses nothing")
    func brokenLine() async throws {
        try server.putPod("before")
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        try server.putPod("during")
        try await until("the first change") { changes.words.contains("+during") }
        try server.command("disturb", ["how": "half a line"])
        try await until("the connection lost") { reflector.statistics.reconnects >= 1 }
        try server.putPod("after")
        try await until("the next change") { changes.words.contains("+after") }
        #expect(changes.words == ["+before", "synced", "+during", "+after"])
        #expect(try server.requests("watch").map { $0.query["resourceVersion"] } == ["2", "3"])
        #expect(try server.requests("list").count == 1)
        #expect(reflector.statistics.malformed == 0)
    }

    @Test("a stream that ends as it should, but in the middle of a line, is no good one")
    func halfLine() async throws {
        try server.fail("watch", ["lines": [#"{"type":"ADDED","obj"#]])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.lastError?.reason == "it ended in the middle of a line")
        #expect(reflector.statistics.malformed == 0)
    }

    @Test("lines and objects that cannot be read are counted and left out")
    func malformed() async throws {
        try server.putPod("good")
        try server.putPod("wrong type", ["spec": ["nodeName": ["no", "string"]]])
        try server.command("put", ["path": Resource.pods.path, "object": ["metadata": ["uid": "without name"]]])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.malformed == 2)
        for text in [
            "no JSON", #"{"type":"ADDED"}"#, #"{"type":"OTHER","object":{}}"#, "[]",
            "{\"type\":\"ADDED\",\"object\":null}",
            "", "\u{FF}\0", #"{"type":"BOOKMARK","object":{}}"#, String(repeating: "[", count: 200_000),
        ] {
            try server.command("raw", ["text": text])
        }
        try server.putPod("last")
        try await until("the last") { changes.words.contains("+last") }
        #expect(changes.words == ["+good", "synced", "+last"])
        // All but the empty one.
        #expect(reflector.statistics.malformed == 10)
        #expect(reflector.statistics.watches == 1)
    }

    @Test("a line beyond the bound is left out, and the stream goes on")
    func longLine() async throws {
        let reflector = try changes.reflect(server.settings()) { $0.longestLine = 100_000 }
        defer { reflector.stop() }
        try server.awaitWatches()
        try server.command("raw", ["text": "0123456789", "repeat": 50_000])
        try server.putPod("next")
        try await until("what follows") { changes.words.contains("+next") }
        #expect(reflector.statistics.tooLong == 1)
        #expect(reflector.statistics.watches == 1)
        #expect(reflector.statistics.lastError?.reason == "a line has more than 100000 bytes")
    }

    @Test("a page beyond the bound is asked for in smaller ones")
    func largePage() async throws {
        for number in 1...8 {
            try server.putPod("p\(number)", ["status": ["message": String(repeating: "x", count: 10_000)]])
        }
        let reflector = try changes.reflect(server.settings()) {
            $0.pageLimit = 8
            $0.mostPageBytes = 25_000
        }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words.count == 9)
        #expect(try server.requests("list").map { $0.query["limit"] } == ["8", "4", "2", "2", "2", "2"])
        #expect(reflector.statistics.tooLong == 2)
    }

    @Test("no more objects are known than may be")
    func objectBound() async throws {
        for number in 1...5 { try server.putPod("p\(number)") }
        let reflector = try changes.reflect(server.settings()) { $0.mostObjects = 3 }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words == ["+p1", "+p2", "+p3", "synced"])
        #expect(reflector.statistics.beyondBound == 2 && reflector.statistics.objects == 3)
        try server.deletePod("p1")
        try server.putPod("p4")
        try await until("one that has room now") { changes.words.contains("+p4") }
    }

    @Test("of events only those count that happen from now on")
    func news() async throws {
        let events = Changes<KubernetesEvent>()
        func put(_ name: String) throws {
            let object: [String: Any] = [
                "metadata": ["name": name, "namespace": "test", "uid": name], "reason": "BackOff", "type": "Warning",
            ]
            try server.command("put", ["path": Resource.events.path, "object": object])
        }
        try put("old")
        try put("older")
        let reflector = try events.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        try put("new")
        try put("new")
        try await until("both") { events.all.count == 3 }
        #expect(events.words == ["synced", "+new", "+new"])
        #expect(try server.requests("list").map { $0.query["limit"] } == ["1"])
    }

    @Test("events that happen while nobody listens are told afterwards, once, even where their version is gone")
    func newsInAGap() async throws {
        let events = Changes<KubernetesEvent>()
        func put(_ name: String) throws {
            let object: [String: Any] = ["metadata": ["name": name, "namespace": "test", "uid": name], "reason": "R"]
            try server.command("put", ["path": Resource.events.path, "object": object])
        }
        try put("old")
        let reflector = try events.reflect(server.settings()) { $0.pageLimit = 2 }
        defer { reflector.stop() }
        try server.awaitWatches()
        try put("heard")
        try await until("the first") { events.words == ["synced", "+heard"] }
        // It breaks, and comes back to find nothing of what it knows.
        try server.fail("watch", ["status": 410, "message": "too old"])
        try server.command("disturb", ["how": "end"])
        for name in ["a", "b", "c", "d"] { try put(name) }
        try server.command("compact")
        try server.awaitWatches()
        try await until("all in the gap") { events.words.filter { $0.hasPrefix("+") }.count >= 5 }
        try put("after")
        try await until("the last") { events.words.contains("+after") }
        #expect(events.words.filter { $0.hasPrefix("+") }.sorted() == ["+a", "+after", "+b", "+c", "+d", "+heard"])
        #expect(reflector.statistics.relists > 0)
    }

    private static func recorded(_ name: String) -> String {
        FakeServer.recorded + "/" + name
    }
}
