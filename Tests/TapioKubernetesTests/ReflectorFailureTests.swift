import TapioRings
import TapioTestSupport
import Testing

@testable import TapioKubernetes

@Suite("Reflector when something is wrong", .serialized)
struct ReflectorFailureTests {
    private let server: FakeServer
    private let changes = Changes<Pod>()

    init() throws {
        server = try FakeServer()
        try server.putPod("a")
    }

    /// Waits for the first error.
    private func firstError(_ reflector: Reflector<Pod>) async throws -> KubernetesError {
        try await until("an error") { reflector.statistics.lastError != nil }
        return try #require(reflector.statistics.lastError)
    }

    @Test("a server that is busy is left alone for as long as it asks", arguments: [429, 503])
    func busy(status: Int) async throws {
        try server.fail("list", ["status": status, "headers": ["Retry-After": "1"]])
        let beginNs = MonotonicClock.monotonicNs
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(MonotonicClock.monotonicNs - beginNs >= 1_000_000_000)
        #expect(try server.requests("list").count == 2)
        let statistics = reflector.statistics
        #expect(statistics.lastError?.status == status)
        #expect(statistics.lastError?.remedy == "the server asks to wait 1 s")
        #expect(statistics.reconnects == 1 && !statistics.isFailing)
    }

    @Test("a Retry-After without end is followed only up to the bound")
    func endlessBusy() async throws {
        try server.fail("list", ["status": 429, "headers": ["Retry-After": "86400"]])
        let reflector = try changes.reflect(server.settings()) { $0.longestRetryAfter = .milliseconds(50) }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words == ["+a", "synced"])
    }

    @Test("a token that is not accepted any more is read again until it is")
    func rotatedToken() async throws {
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        try server.command("token", ["token": "fake-token-2"])
        try server.command("disturb", ["how": "end"])
        let error = try await firstError(reflector)
        #expect(error.status == 401)
        #expect(reflector.statistics.isFailing)
        TestFile.write(server.directory.file("token"), "fake-token-2")
        try server.putPod("b")
        try await until("what came after the rotation") { changes.words.contains("+b") }
        #expect(!reflector.statistics.isFailing)
        #expect(try server.requests("list").count == 1)
        for token in ["fake-token-1", "fake-token-2"] { #expect(!"\(reflector.statistics)".contains(token)) }
    }

    @Test("a token that was replaced while the old one was refused is tried at once")
    func replacedToken() async throws {
        try server.command("token", ["token": "fake-token-2"])
        // The server replaces it just before it refuses the old one.
        try server.fail(
            "list",
            ["status": 401, "writes": ["file": server.directory.file("token"), "text": "fake-token-2"]]
        )
        let reflector = try changes.reflect(server.settings()) { settings in
            settings.firstRetry = .seconds(3600)
            settings.longestRetry = .seconds(3600)
        }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words == ["+a", "synced"])
    }

    @Test("a token that cannot be read is an error that names the file, and is tried again")
    func missingToken() async throws {
        let settings = try server.settings()
        TestFile.write(server.directory.file("token"), " \n")
        let reflector = try changes.reflect(settings)
        defer { reflector.stop() }
        let error = try await firstError(reflector)
        #expect("\(error)".hasPrefix("cannot read the token at \(server.directory.file("token")): it is empty; "))
        TestFile.write(server.directory.file("token"), FakeServer.token)
        try server.awaitWatches()
        #expect(changes.words == ["+a", "synced"])
    }

    @Test("a server that another authority signed gets no request")
    func otherAuthority() async throws {
        let directory = server.directory
        let settings = try APIServer(
            url: server.url,
            caFile: directory.file("other-ca.crt"),
            credentials: .tokenFile(directory.file("token"))
        )
        let reflector = try changes.reflect(settings)
        let error = try await firstError(reflector)
        reflector.stop()
        #expect("\(error)".hasPrefix("cannot list pods at \(server.url)/api/v1/pods: "))
        #expect(error.reason.contains("certificate"))
        #expect(error.remedy == "check that the CA file is this cluster's, and the name in the URL")
        #expect(try server.requests().isEmpty)
        #expect(reflector.statistics.lastSuccessNs == nil && reflector.statistics.isFailing)
    }

    @Test("a CA file that holds no certificate is named as the reason")
    func badAuthority() async throws {
        TestFile.write(server.directory.file("ca.crt"), "no certificate")
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        #expect(try await firstError(reflector).remedy == "check that the CA file holds PEM certificates")
    }

    @Test("a client certificate is as good as a token")
    func clientCertificate() async throws {
        let directory = server.directory
        let settings = try APIServer(
            url: server.url,
            caFile: directory.file("ca.crt"),
            credentials: .clientCertificate(
                certificate: directory.file("client.crt"),
                key: directory.file("client.key")
            )
        )
        let reflector = try changes.reflect(settings)
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(changes.words == ["+a", "synced"])
    }

    @Test("a server that cannot be reached is tried again and again")
    func unreachable() async throws {
        // Nobody listens on port 1.
        let settings = try APIServer(url: "https://127.0.0.1:1", credentials: .none)
        let reflector = try changes.reflect(settings)
        defer { reflector.stop() }
        try await until("three tries") { reflector.statistics.reconnects >= 3 }
        let error = try #require(reflector.statistics.lastError)
        #expect(error.remedy == "check the address, and that no network policy or firewall is in the way")
        #expect(error.status == nil)
    }

    @Test("a server that says nothing is given up, and asked again")
    func silent() async throws {
        try server.fail("list", ["hang": true])
        let reflector = try changes.reflect(server.settings()) { $0.stallTimeout = .seconds(1) }
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.lastError?.remedy == "the server or the way to it is slow: it is tried again")
        #expect(changes.words == ["+a", "synced"])
    }

    @Test("a silent watch is given up after its time")
    func silentWatch() async throws {
        let reflector = try changes.reflect(server.settings()) {
            $0.watchTime = .seconds(1)
            $0.watchGrace = .zero
        }
        defer { reflector.stop() }
        // The server does not keep to the time that it is asked for.
        try await until("a second watch") { reflector.statistics.watches >= 2 }
        #expect(try server.requests("list").count == 1)
    }

    @Test("a connection that is closed without an answer is tried again")
    func closed() async throws {
        try server.fail("any", ["times": 2])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.reconnects == 2)
        #expect(changes.words == ["+a", "synced"])
    }

    @Test("an answer that is no list is said to be none", arguments: ["<html>", "{}", "[]", "null", ""])
    func noList(body: String) async throws {
        try server.fail("list", ["body": body])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.lastError?.reason == "the answer is no list")
        #expect(reflector.statistics.malformed == 1)
    }

    @Test(
        "a refusal is told with what to do, and is not tried again soon",
        arguments: [
            (
                "403-anonymous.http", 403,
                "grant the service account the verb 'list' on 'pods' (ClusterRole and binding)"
            ),
            (
                "404.http", 404,
                "this server does not serve it: check the URL, and that the cluster has this API version"
            ),
        ]
    )
    func refused(file: String, status: Int, remedy: String) async throws {
        try server.fail("list", ["file": file])
        let reflector = try changes.reflect(server.settings()) { $0.refusedRetry = .seconds(3600) }
        let error = try await firstError(reflector)
        #expect(error.status == status && error.remedy == remedy)
        #expect(error.reason.hasPrefix("HTTP \(status): "))
        // It waits for an hour, and yet ends at once.
        reflector.stop()
        #expect(try server.requests().count == 1)
    }

    @Test("a refusal of a watch does not lead to further lists")
    func refusedWatch() async throws {
        try server.fail("watch", ["status": 403, "times": 3])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(try server.requests().map(\.verb) == ["list", "watch", "watch", "watch", "watch"])
        #expect(reflector.statistics.lastError?.remedy.contains("the verb 'watch' on 'pods'") == true)
    }

    @Test("an error in a watch that is no 410 is tried again from where it was")
    func watchError() async throws {
        let line = #"{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is\nunwell"}}"#
        try server.fail("watch", ["lines": [line + "\n"]])
        let reflector = try changes.reflect(server.settings())
        defer { reflector.stop() }
        try server.awaitWatches()
        #expect(reflector.statistics.lastError?.reason == "HTTP 500: etcd is unwell")
        #expect(try server.requests().map(\.verb) == ["list", "watch", "watch"])
    }

    @Test("it ends at once, whatever it waits for", arguments: ["list", "watch", "stream"])
    func stop(during what: String) async throws {
        if what != "stream" { try server.fail(what, ["hang": true, "times": 100]) }
        let reflector = try changes.reflect(server.settings())
        try await until("the request") { try !server.requests(what == "list" ? "list" : "watch").isEmpty }
        let beginNs = MonotonicClock.monotonicNs
        reflector.stop()
        // The shortest of its times is three times as long.
        #expect(MonotonicClock.monotonicNs - beginNs < 10_000_000_000)
        let count = changes.all.count
        try? server.putPod("later")
        #expect(changes.all.count == count)
        reflector.stop()
    }

    @Test("it ends with its object")
    func release() async throws {
        var reflector: Reflector<Pod>? = try changes.reflect(server.settings())
        try server.awaitWatches()
        withExtendedLifetime(reflector) {}
        reflector = nil
        try server.putPod("for nobody")
        try await until("its connection is closed") {
            try server.command("disturb", ["how": "bookmark"])
            return try server.watches() == 0
        }
    }
}
