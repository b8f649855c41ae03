import Glibc
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("As a service", .timeLimit(.minutes(3)))
    struct ServiceTests {
        @Test("the manager is told of the start, of life, of reloads good and bad, and of the end")
        func notifications() throws {
            let place = TemporaryDirectory()
            let socket = NotifySocket(place.file("notify"))
            let agent = try AgentProcess(
                in: place,
                environment: ["NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "900000"]
            )
            // The first of all, and not before the collectors were tried.
            let ready = try #require(socket.next())
            #expect(ready["READY"] == "1")
            #expect(ready["STATUS"]?.contains("collectors run") == true, "\(ready)")
            #expect(ready["STATUS"]?.hasPrefix("0 ") == false, "\(ready)")
            for _ in 0..<3 { #expect(socket.next(with: "WATCHDOG")?["WATCHDOG"] == "1") }
            #expect(socket.next(with: "STATUS")?["STATUS"]?.contains("rows written to") == true)

            for (text, outcome) in [("batch: {max_age: 1s}", "applied 1 changes"), ("batch: {max_aeg: 1s}", "max_aeg")]
            {
                TestFile.write(agent.configPath, text)
                agent.signal(SIGHUP)
                let reloading = try #require(socket.next(with: "RELOADING"))
                #expect(reloading["MONOTONIC_USEC"].flatMap { UInt64($0) } ?? 0 > 0)
                let again = try #require(socket.next(with: "READY"))
                #expect(again["STATUS"]?.contains(outcome) == true, "\(again)")
            }
            agent.signal(SIGTERM)
            #expect(socket.next(with: "STOPPING") != nil)
            #expect(agent.awaitEnd().ending == .exited(0))
        }

        @Test("a manager that cannot be reached keeps nothing from running, and is told of in one line")
        func noManager() throws {
            for name in ["/nonexistent/notify", "vsock:2:1"] {
                let agent = try AgentProcess(environment: ["NOTIFY_SOCKET": name])
                let end = agent.stop()
                #expect(end.ending == .exited(0))
                #expect(end.log.split(separator: "\n").count { $0.contains("NOTIFY_SOCKET") } == 1, "\(end.log)")
            }
        }

        @Test("no sign of life comes from a process that is stopped, and the next once it goes on")
        func stopped() throws {
            let place = TemporaryDirectory()
            let socket = NotifySocket(place.file("notify"))
            let agent = try AgentProcess(
                in: place,
                environment: ["NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "300000"]
            )
            #expect(socket.next(with: "WATCHDOG") != nil)
            agent.signal(SIGSTOP)
            // What was sent before is still there; then nothing comes.
            while socket.next(seconds: 1) != nil {}
            agent.signal(SIGCONT)
            #expect(socket.next(with: "WATCHDOG") != nil)
            #expect(agent.stop().ending == .exited(0))
        }
    }
}
