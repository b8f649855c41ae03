import Foundation
import TapioTestSupport
import Testing

@testable import TapioKubernetes

@Suite("Proxies")
struct ProxyTests {
    // In a process of its own, since the environment is everybody's.
    @Test("HTTPS_PROXY is used, and NO_PROXY keeps from it")
    func environment() async {
        await #expect(processExitsWith: .success) {
            let here = URL(fileURLWithPath: FakeServer.recorded).deletingLastPathComponent().path + "/Server"
            let proxy = try InteractiveProcess(["python3", here + "/connect_proxy.py"])
            let port = try #require(proxy.readLine())
            setenv("HTTPS_PROXY", "http://127.0.0.1:\(port)", 1)
            setenv("NO_PROXY", "127.0.0.1", 1)
            let server = try FakeServer()

            let direct = try Changes<Pod>().reflect(server.settings())
            try server.awaitWatches(1)
            let through = try APIServer(
                url: "https://localhost:\(server.port)",
                caFile: server.directory.file("ca.crt"),
                credentials: .tokenFile(server.directory.file("token"))
            )
            let tunnelled = try Changes<Pod>().reflect(through)
            try server.awaitWatches(2)
            try await until("the answer's head has come") { tunnelled.statistics.watches == 1 }
            try #require(tunnelled.statistics.lastError == nil)
            direct.stop()
            tunnelled.stop()
            // The first tunnel is the second reflector's.
            try #require(proxy.readLine() == "localhost:\(server.port)")
        }
    }
}
