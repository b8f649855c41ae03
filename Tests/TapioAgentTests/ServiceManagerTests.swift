import Glibc
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("What the service manager is told") struct ServiceManagerTests {
    @Test("messages arrive whole, by path and by abstract name", arguments: [false, true])
    func messages(isAbstract: Bool) throws {
        let place = TapioTestSupport.TemporaryDirectory()
        let socket = NotifySocket(isAbstract ? "@" + place.path : place.file("notify"))
        let manager = try #require(try ServiceManager.named(in: ["NOTIFY_SOCKET": socket.name]))
        #expect(manager.watchdogNs == nil)
        #expect(manager.ready("all is well"))
        #expect(socket.next() == ["READY": "1", "STATUS": "all is well"])
        #expect(manager.reloading())
        let reloading = try #require(socket.next())
        #expect(reloading["RELOADING"] == "1" && reloading["MONOTONIC_USEC"].flatMap { UInt64($0) } ?? 0 > 0)
        #expect(manager.alive())
        #expect(socket.next() == ["WATCHDOG": "1"])
        #expect(manager.stopping())
        #expect(socket.next()?["STOPPING"] == "1")
        #expect(manager.failures == 0)
    }

    @Test("no line break of a status becomes a field of its own, and none is endless")
    func status() throws {
        let place = TapioTestSupport.TemporaryDirectory()
        let socket = NotifySocket(place.file("notify"))
        let manager = try ServiceManager(socket: socket.name)
        manager.say("one\nREADY=1\r\u{1B}[1m" + String(repeating: "ä", count: 1000))
        let message = try #require(socket.next())
        #expect(message.count == 1)
        #expect(message["STATUS"]?.hasPrefix("one READY=1  [1mä") == true)
        #expect(message["STATUS"]?.utf8.count ?? 0 <= ServiceManager.maxStatusBytes)
    }

    @Test("a manager that is gone, or never was, costs a count and nothing else")
    func gone() throws {
        let manager = try ServiceManager(socket: "/nonexistent/notify")
        #expect(!manager.ready("") && !manager.alive())
        #expect(manager.failures == 2)
        #expect(try ServiceManager.named(in: [:]) == nil)
        #expect(try ServiceManager.named(in: ["NOTIFY_SOCKET": ""]) == nil)
    }

    @Test(
        "a name that is none is one line",
        arguments: ["vsock:2:1", "relative", "/", "@", "/" + String(repeating: "x", count: 107)]
    )
    func badName(name: String) {
        let error = #expect(throws: ServiceManagerError.self) { try ServiceManager.named(in: ["NOTIFY_SOCKET": name]) }
        #expect(error?.description.contains("\n") == false && error?.description.contains("NOTIFY_SOCKET=") == true)
    }

    @Test("a watchdog counts for the process that it names, and only where it is a number")
    func watchdog() {
        #expect(ServiceManager.watchdog("30000000", pid: nil, own: 7) == 30_000_000_000)
        #expect(ServiceManager.watchdog("30000000", pid: "7", own: 7) == 30_000_000_000)
        #expect(ServiceManager.watchdog("30000000", pid: "8", own: 7) == nil)
        for text in [nil, "", "0", "-1", "1s", "18446744073709551615"] {
            #expect(ServiceManager.watchdog(text, pid: nil, own: 7) == nil)
        }
    }

    @Test("a reader that stops ends the signs of life, and one that goes on brings them back")
    func heartbeat() {
        var heartbeat = Heartbeat(limitNs: 100)
        func isAlive(_ passes: [UInt64], _ nowNs: UInt64) -> Bool { heartbeat.isAlive(passes: passes, nowNs: nowNs) }
        #expect(isAlive([5, 5], 1000))
        #expect(isAlive([6, 5], 1100), "within the limit")
        #expect(!isAlive([7, 5], 1101))
        #expect(!isAlive([8, 5], 1200))
        #expect(isAlive([8, 6], 1200))
        #expect(!isAlive([8, 7], 1301), "the other one now")
    }
}
