import Foundation
import Glibc
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("A cluster's changes in the archive")
    struct KubernetesTests {
        private static let columns = [
            "kind", "change", "pod", "namespace", "pod_uid", "workload", "container", "container_id", "node_name",
            "pod_phase", "ready", "conditions", "reason", "message", "message_bytes", "pod_ip", "created_ts",
            "started_ts", "finished_ts", "deletion_ts", "container_role", "container_state", "exit_code", "signal",
            "restart_count", "image", "last_reason", "last_exit_code", "last_started_ts", "last_finished_ts",
            "last_container_id", "memory_pressure", "disk_pressure", "pid_pressure", "unschedulable",
            "kubelet_version", "event_type", "event_count", "first_seen_ts", "last_seen_ts", "event_source",
            "object_kind", "object_name", "object_namespace", "object_uid", "priority", "pod_status",
        ]

        /// 2026-11-22T21:08:56Z.
        private static let beginUs: Int64 = 1_795_381_736_000_000

        /// Watches under way when all is watched: pods, services and endpoint slices for names, then the node, its events
        /// and pods' events for the collector.
        private static let allWatches = 6

        private func agent(_ server: FakeServer, config: String = "") throws -> AgentProcess {
            try AgentProcess(
                config: config,
                settings: [
                    "node": "node1", "kubernetes.url": server.url, "ledger.interval": "1s",
                    "kubernetes.ca_file": server.directory.file("ca.crt"),
                    "kubernetes.token_file": server.directory.file("token"),
                ]
            )
        }

        private func attempted(_ kind: String, in status: StatusReport) -> Int {
            Int(status.ledger.first { $0.kind == kind }?.counts.attempted ?? 0)
        }

        private func awaitRows(_ agent: AgentProcess, _ kinds: [String: Int]) throws {
            let isSo = agent.wait { status in kinds.allSatisfy { attempted($0.key, in: status) >= $0.value } }
            let found = try agent.status().ledger.filter { $0.kind.hasPrefix("k8s") }
            try #require(isSo, "\(found.map { "\($0.kind) \($0.counts.attempted)" }); \(agent.log)")
        }

        private func pod(_ name: String, on node: String = "node1", _ status: [String: Any]) -> [String: Any] {
            [
                "metadata": [
                    "name": name, "namespace": "test", "uid": "uid-\(name)",
                    "creationTimestamp": "2026-11-22T21:08:56Z",
                    "ownerReferences": [["kind": "StatefulSet", "name": "db", "controller": true]],
                ],
                "spec": ["nodeName": node], "status": status,
            ]
        }

        private func put(_ server: FakeServer, _ path: String, _ object: [String: Any]) throws {
            try server.command("put", ["path": path, "object": object])
        }

        private func event(
            _ name: String,
            _ parts: [String: Any]
        ) -> [String: Any] {
            var event: [String: Any] = ["metadata": ["name": name, "namespace": "test", "uid": "event-\(name)"]]
            event.merge(parts) { $1 }
            return event
        }

        private func node(_ conditions: [[String: Any]], cordoned: Bool = false) -> [String: Any] {
            [
                "metadata": ["name": "node1", "uid": "uid-node1", "creationTimestamp": "2026-11-22T21:08:17Z"],
                "spec": cordoned ? ["unschedulable": true] : [:],
                "status": ["conditions": conditions, "nodeInfo": ["kubeletVersion": "v1.36.2"]],
            ]
        }

        private func condition(_ type: String, _ status: String, beat: Int = 0) -> [String: Any] {
            ["type": type, "status": status, "reason": "Why\(type)", "lastHeartbeatTime": "2026-11-22T21:0\(beat):00Z"]
        }

        @Test(
            "pods, containers, a node and events: each change is one row with all that was said, and the ledger closes"
        )
        func changes() throws {
            let server = try FakeServer()
            try server.loadRecordedCluster()
            let conditions = [condition("Ready", "True"), condition("MemoryPressure", "False")]
            // The recorded node has another UID.
            try server.command("delete", ["path": FakeServer.nodes, "uid": try nodeUID(server)])
            try put(server, FakeServer.nodes, node(conditions))
            let involved = ["kind": "Pod", "namespace": "test", "name": "db-0", "uid": "uid-db-0"]
            try put(server, FakeServer.events, event("old", ["reason": "Old", "involvedObject": involved]))
            let agent = try agent(server)
            try awaitRows(agent, ["k8s_pod": 2, "k8s_container": 2, "k8s_node": 1])
            try server.awaitWatches(Self.allWatches)

            // The scheduler speaks before anybody hears of the pod; of a pod of another node, too.
            try put(
                server,
                FakeServer.events,
                event(
                    "scheduled",
                    [
                        "reason": "Scheduled", "type": "Normal", "message": "assigned", "involvedObject": involved,
                        "reportingComponent": "default-scheduler", "eventTime": "2026-11-22T21:08:56.000001Z",
                    ]
                )
            )
            let elsewhere = ["kind": "Pod", "namespace": "test", "name": "other", "uid": "uid-other"]
            try put(server, FakeServer.events, event("other", ["reason": "Other", "involvedObject": elsewhere]))
            try put(server, FakeServer.pods, pod("other", on: "node2", ["phase": "Running"]))
            try put(server, FakeServer.pods, pod("db-0", ["phase": "Pending"]))
            let waiting: [String: Any] = [
                "name": "db", "image": "db:1", "ready": false, "restartCount": 0,
                "state": ["waiting": ["reason": "ContainerCreating"]],
            ]
            try put(server, FakeServer.pods, pod("db-0", ["phase": "Pending", "containerStatuses": [waiting]]))
            let running: [String: Any] = [
                "name": "db", "image": "db:1", "ready": true, "restartCount": 0, "containerID": "containerd://one",
                "state": ["running": ["startedAt": "2026-11-22T21:08:57Z"]],
            ]
            let up: [String: Any] = [
                "phase": "Running", "podIPs": [["ip": "fd00::5"]], "startTime": "2026-11-22T21:08:56Z",
                "conditions": [["type": "Ready", "status": "True"], ["type": "PodScheduled", "status": "True"]],
                "containerStatuses": [running],
            ]
            try put(server, FakeServer.pods, pod("db-0", up))
            // Nothing that a row shows.
            var beat = up
            beat["qosClass"] = "Burstable"
            try put(server, FakeServer.pods, pod("db-0", beat))
            let crashed: [String: Any] = [
                "name": "db", "image": "db:1", "ready": false, "restartCount": 1,
                "state": ["waiting": ["reason": "CrashLoopBackOff", "message": "back-off 10s"]],
                "lastState": [
                    "terminated": [
                        "reason": "OOMKilled", "exitCode": 137, "startedAt": "2026-11-22T21:08:57Z",
                        "finishedAt": "2026-11-22T21:08:58Z", "containerID": "containerd://one",
                    ]
                ],
            ]
            var down = up
            down["containerStatuses"] = [crashed]
            down["conditions"] = [["type": "Ready", "status": "False", "reason": "ContainersNotReady"]]
            try put(server, FakeServer.pods, pod("db-0", down))

            try put(server, FakeServer.nodes, node([condition("Ready", "True", beat: 1), conditions[1]]))
            try put(server, FakeServer.nodes, node([conditions[0], condition("MemoryPressure", "True")]))
            try put(
                server,
                FakeServer.nodes,
                node([conditions[0], condition("MemoryPressure", "True")], cordoned: true)
            )

            let hostile = "\u{1B}[2Jwiped\u{0}" + String(repeating: "é", count: 3000)
            try put(
                server,
                FakeServer.events,
                event(
                    "backoff",
                    [
                        "reason": "BackOff", "type": "Warning", "message": hostile, "count": 4,
                        "involvedObject": involved.merging(["fieldPath": "spec.containers{db}"]) { $1 },
                        "source": ["component": "kubelet", "host": "node1"],
                        "firstTimestamp": "2026-11-22T21:08:56Z", "lastTimestamp": "2026-11-22T21:08:59Z",
                    ]
                )
            )
            let nodeItself = ["kind": "Node", "name": "node1", "uid": "node1"]
            try put(
                server,
                FakeServer.events,
                event("pressure", ["reason": "EvictionThresholdMet", "type": "Warning", "involvedObject": nodeItself])
            )
            try awaitRows(agent, ["k8s_pod": 5, "k8s_container": 5, "k8s_node": 3, "k8s_event": 3])
            try server.deletePod("db-0")
            try awaitRows(agent, ["k8s_pod": 6])
            // The socket shows who is asked.
            let status = try agent.status()
            let collector = try #require(status.collectors.first { $0.name == "kubernetes" })
            #expect(collector.state == "running" && collector.error == nil)
            #expect(
                collector.notes.contains("watching \(server.url)") && collector.notes.contains("2 pods on this node")
            )
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")

            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            expectPods(rows.of("k8s_pod"))
            expectContainers(rows.of("k8s_container"))
            expectNode(rows.of("k8s_node"))
            try expectEvents(rows.of("k8s_event"), hostile)
            #expect(try LedgerBooks(agent.archive).violations == [])
            // The server is asked for this node alone, but for pods' events, which it cannot tell apart.
            let asked = Set(try server.requests("list").map { "\($0.path) \($0.query["fieldSelector"] ?? "")" })
            #expect(
                asked == [
                    "/api/v1/pods spec.nodeName=node1", "/api/v1/services ",
                    "/apis/discovery.k8s.io/v1/endpointslices ", "/api/v1/nodes metadata.name=node1",
                    "/api/v1/events involvedObject.kind=Pod",
                    "/api/v1/events involvedObject.kind=Node,involvedObject.name=node1",
                ]
            )
        }

        private func nodeUID(_ server: FakeServer) throws -> String {
            let text = String(decoding: try server.command("dump", ["path": FakeServer.nodes]), as: UTF8.self)
            let uid = try #require(text.firstRange(of: "\"uid\": \"")).upperBound
            return String(text[uid...].prefix { $0 != "\"" })
        }

        private func expectPods(_ rows: [ArchiveRows.Row]) {
            let existing = rows.filter { $0.text("change") == "existing" }
            #expect(Set(existing.map { $0.text("pod") }) == ["web-6775d57776-6tdt7", "web-6775d57776-nbqmr"])
            for row in existing {
                #expect(row.text("namespace") == "shop" && row.text("workload") == "Deployment/web")
                #expect(row.text("pod_phase") == "Running" && row.text("ready") == "True")
                #expect(row.text("node_name") == "node1" && row.text("pod_ip")?.hasPrefix("10.88.77.") == true)
                #expect(row.int("created_ts") == Self.beginUs && row.int("started_ts") == Self.beginUs + 1_000_000)
                #expect(row.text("pod_status") == nil && row.text("priority") == "high")
            }
            let mine = rows.filter { $0.text("pod") == "db-0" }
            #expect(rows.count == existing.count + mine.count)
            #expect(mine.map { $0.text("change") ?? "" }.sorted() == ["added", "deleted", "modified", "modified"])
            #expect(mine.allSatisfy { $0.text("pod_uid") == "uid-db-0" && $0.text("workload") == "StatefulSet/db" })
            let up = mine.first { $0.text("ready") == "True" }
            #expect(up?.text("change") == "modified" && up?.text("pod_phase") == "Running")
            #expect(up?.text("pod_ip") == "fd00::5" && up?.text("conditions") == "PodScheduled=True Ready=True")
            #expect(up?.int("started_ts") == Self.beginUs && up?.int("deletion_ts") == nil)
            let down = mine.filter { $0.text("conditions") == "Ready=False:ContainersNotReady" }
            #expect(down.map { $0.text("change") ?? "" }.sorted() == ["deleted", "modified"])
        }

        private func expectContainers(_ rows: [ArchiveRows.Row]) {
            let existing = rows.filter { $0.text("change") == "existing" }
            #expect(existing.map { $0.text("container") } == ["app", "app"])
            #expect(
                existing.allSatisfy { $0.text("image") == "localhost/bb:2" && $0.text("container_id")?.count == 64 }
            )
            let mine = rows.filter { $0.text("pod") == "db-0" }
            #expect(mine.count == 3 && rows.count == 5)
            let waiting = mine.first { $0.text("reason") == "ContainerCreating" }
            #expect(waiting?.text("change") == "added" && waiting?.text("container_state") == "waiting")
            #expect(waiting?.text("container_role") == "main" && waiting?.text("ready") == "False")
            let running = mine.first { $0.text("container_state") == "running" }
            #expect(running?.text("change") == "modified" && running?.text("container_id") == "one")
            #expect(running?.int("started_ts") == Self.beginUs + 1_000_000 && running?.text("ready") == "True")
            let crashed = mine.first { $0.text("reason") == "CrashLoopBackOff" }
            #expect(crashed?.text("message") == "back-off 10s" && crashed?.int("restart_count") == 1)
            #expect(crashed?.text("last_reason") == "OOMKilled" && crashed?.int("last_exit_code") == 137)
            #expect(crashed?.int("last_started_ts") == Self.beginUs + 1_000_000)
            #expect(crashed?.int("last_finished_ts") == Self.beginUs + 2_000_000)
            #expect(crashed?.text("last_container_id") == "one" && crashed?.int("exit_code") == nil)
        }

        private func expectNode(_ rows: [ArchiveRows.Row]) {
            #expect(rows.map { $0.text("change") ?? "" }.sorted() == ["existing", "modified", "modified"])
            #expect(rows.allSatisfy { $0.text("node_name") == "node1" && $0.text("kubelet_version") == "v1.36.2" })
            #expect(rows.allSatisfy { $0.text("ready") == "True" && $0.text("reason") == "WhyReady" })
            #expect(
                rows.allSatisfy { $0.text("disk_pressure") == nil && $0.int("created_ts") == Self.beginUs - 39_000_000 }
            )
            #expect(rows.count { $0.text("memory_pressure") == "True" } == 2)
            #expect(rows.count { $0.int("unschedulable") == 1 && $0.text("memory_pressure") == "True" } == 1)
        }

        private func expectEvents(_ rows: [ArchiveRows.Row], _ hostile: String) throws {
            #expect(rows.compactMap { $0.text("reason") }.sorted() == ["BackOff", "EvictionThresholdMet", "Scheduled"])
            let scheduled = try #require(rows.first { $0.text("reason") == "Scheduled" })
            #expect(scheduled.text("pod") == "db-0" && scheduled.text("namespace") == "test")
            #expect(scheduled.text("event_source") == "default-scheduler" && scheduled.text("event_type") == "Normal")
            #expect(scheduled.int("first_seen_ts") == Self.beginUs + 1 && scheduled.int("event_count") == 1)
            let backOff = try #require(rows.first { $0.text("reason") == "BackOff" })
            #expect(backOff.text("container") == "db" && backOff.text("pod_uid") == "uid-db-0")
            #expect(backOff.text("object_kind") == "Pod" && backOff.text("object_name") == "db-0")
            #expect(backOff.text("object_namespace") == "test" && backOff.text("object_uid") == "uid-db-0")
            #expect(backOff.int("event_count") == 4 && backOff.text("event_source") == "kubelet")
            #expect(backOff.int("last_seen_ts") == Self.beginUs + 3_000_000)
            let message = try #require(backOff.text("message"))
            #expect(message.hasPrefix("\u{1B}[2Jwiped\u{0}é") && message.hasSuffix("é…") && message.utf8.count <= 1024)
            #expect(backOff.int("message_bytes") == Int64(hostile.utf8.count))
            let pressure = try #require(rows.first { $0.text("reason") == "EvictionThresholdMet" })
            #expect(pressure.text("object_kind") == "Node" && pressure.text("object_name") == "node1")
            #expect(pressure.text("pod") == nil && pressure.text("node_name") == "node1")
        }

        @Test("a watch that breaks and finds its version gone tells each change of the gap once, and nothing again")
        func gap() throws {
            let server = try FakeServer()
            try put(server, FakeServer.nodes, node([condition("Ready", "True")]))
            for name in ["stays", "changes", "goes"] {
                try put(server, FakeServer.pods, pod(name, ["phase": "Pending"]))
            }
            let agent = try agent(server)
            try awaitRows(agent, ["k8s_pod": 3, "k8s_node": 1])
            try server.awaitWatches(Self.allWatches)
            try server.command("disturb", ["how": "break"])
            // All watches wait for a quarter of a second at least.
            try put(server, FakeServer.pods, pod("changes", ["phase": "Running"]))
            try put(server, FakeServer.pods, pod("comes", ["phase": "Pending"]))
            try server.deletePod("goes")
            let involved = ["kind": "Pod", "namespace": "test", "name": "comes", "uid": "uid-comes"]
            try put(server, FakeServer.events, event("in-the-gap", ["reason": "Gap", "involvedObject": involved]))
            try server.command("compact")
            try server.awaitWatches(Self.allWatches)
            try awaitRows(agent, ["k8s_pod": 6, "k8s_event": 1])

            // What is no JSON is told of, and nothing stops.
            try server.command("disturb", ["how": "garbage"])
            let isTold = agent.wait { status in
                status.collectors.contains {
                    $0.name == "kubernetes" && $0.error?.contains("could not be read") == true
                }
            }
            #expect(isTold)
            try put(server, FakeServer.pods, pod("later", ["phase": "Pending"]))
            try awaitRows(agent, ["k8s_pod": 7])
            #expect(try agent.status().collectors.first { $0.name == "kubernetes" }?.state == "running")
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let told = rows.of("k8s_pod").map { "\($0.text("change")!) \($0.text("pod")!) \($0.text("pod_phase")!)" }
            #expect(
                told.sorted() == [
                    "added comes Pending", "added later Pending", "deleted goes Pending", "existing changes Pending",
                    "existing goes Pending", "existing stays Pending", "modified changes Running",
                ]
            )
            #expect(rows.of("k8s_event").map { $0.text("reason") } == ["Gap"])
            #expect(rows.of("k8s_node").count == 1)
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("SIGHUP switches it off and on: its own watches end and come back, names go on")
        func reload() throws {
            let server = try FakeServer()
            try put(server, FakeServer.nodes, node([condition("Ready", "True")]))
            try put(server, FakeServer.pods, pod("a", ["phase": "Pending"]))
            let agent = try agent(server)
            try awaitRows(agent, ["k8s_pod": 1, "k8s_node": 1])
            try server.awaitWatches(Self.allWatches)
            func reload(_ text: String, _ count: UInt64, state: String) throws {
                TestFile.write(agent.configPath, text)
                agent.signal(SIGHUP)
                let isDone = agent.wait { status in
                    status.configuration.reloads == count
                        && status.collectors.contains { $0.name == "kubernetes" && $0.state == state }
                }
                try #require(isDone, "\(agent.log)")
            }
            try reload("collectors: {kubernetes: {enabled: false}}", 1, state: "disabled")
            // It is the server that notices last.
            let deadline = Deadline(seconds: 30)
            while try server.watches() != 3, !deadline.isOver {
                try put(server, FakeServer.nodes, node([condition("Ready", "True")]))
                try put(server, FakeServer.events, event("e", ["involvedObject": ["kind": "Node", "name": "node1"]]))
                try put(server, FakeServer.events, event("p", ["involvedObject": ["kind": "Pod", "name": "x"]]))
                usleep(50_000)
            }
            #expect(try server.watches() == 3)
            try put(server, FakeServer.pods, pod("b", ["phase": "Pending"]))
            try reload("collectors: {kubernetes: {enabled: true, events: node}}", 2, state: "running")
            try awaitRows(agent, ["k8s_pod": 3, "k8s_node": 2])
            try server.awaitWatches(5)
            try reload("collectors: {kubernetes: {enabled: true, events: off}}", 3, state: "running")
            try put(server, FakeServer.pods, pod("c", ["phase": "Pending"]))
            try awaitRows(agent, ["k8s_pod": 4])
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let told = rows.of("k8s_pod").map { "\($0.text("change")!) \($0.text("pod")!)" }
            #expect(told.sorted() == ["added c", "existing a", "existing a", "existing b"])
            #expect(rows.of("k8s_event").isEmpty)
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("without a cluster it says why, once, what would help, and is nobody's failure")
        func withoutCluster() throws {
            let agent = try AgentProcess()
            let status = try agent.status()
            let collector = try #require(status.collectors.first { $0.name == "kubernetes" })
            #expect(collector.state == "unavailable" && collector.restarts == 0)
            #expect(collector.error?.contains("set kubernetes.kubeconfig or kubernetes.url") == true)
            #expect(status.health.isHealthy)
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.configuration.reloads == 1 })
            let end = agent.stop()
            #expect(end.ending == .exited(0))
            let lines = end.log.split(separator: "\n").filter { $0.contains("collector kubernetes") }
            #expect(lines.count == 1 && lines[0].contains("has nothing to watch"), "\(end.log)")
            let doctor = try TapioProgram.run(["doctor"])
            #expect(doctor.output.contains("has nothing to watch: no cluster's API is known here"), "\(doctor.output)")
        }

        @Test("a kubeconfig says whom to ask and as whom, with what is in it alone")
        func kubeconfig() throws {
            let server = try FakeServer()
            try put(server, FakeServer.pods, pod("a", ["phase": "Pending"]))
            func base64(_ name: String) throws -> String {
                Data(try #require(TestFile.read(server.directory.file(name)))).base64EncodedString()
            }
            let path = server.directory.file("config")
            TestFile.write(
                path,
                """
                kind: Config
                current-context: x
                contexts: [{name: x, context: {cluster: c, user: u}}]
                clusters:
                - name: c
                  cluster: {server: "\(server.url)", certificate-authority-data: \(try base64("ca.crt"))}
                users:
                - name: u
                  user: {client-certificate-data: \(try base64("client.crt")), client-key-data: \(try base64("client.key"))}
                """
            )
            let agent = try AgentProcess(settings: ["node": "node1", "kubernetes.kubeconfig": path])
            try awaitRows(agent, ["k8s_pod": 1])
            #expect(agent.stop().ending == .exited(0))
            TestFile.write(path, "kind: Pod\n")
            for arguments in [["run"], ["config", "check"]] {
                let refused = try TapioProgram.run(arguments + ["--set", "kubernetes.kubeconfig=\(path)"])
                #expect(refused.exitCode == 2, "\(refused)")
                let said = refused.output + refused.errors
                #expect(said.contains("kubeconfig \(path): is no kubeconfig: it has no 'kind: Config'"), "\(said)")
                #expect(said.contains("kubectl config view --raw --minify --flatten"), "\(said)")
            }
        }

        @Test("a server that refuses it is a problem in its status, and the others run")
        func refused() throws {
            let server = try FakeServer()
            try server.fail("any", ["file": "403-anonymous.http", "times": 1000])
            let agent = try agent(server)
            let isTold = agent.wait { status in
                status.collectors.contains { $0.name == "kubernetes" && $0.error?.contains("403") == true }
            }
            let status = try agent.status()
            let collector = try #require(status.collectors.first { $0.name == "kubernetes" })
            #expect(isTold && collector.error?.contains("grant the service account the verb") == true, "\(collector)")
            #expect(status.collectors.first { $0.name == "process" }?.state == "running")
            #expect(agent.stop().ending == .exited(0))
            #expect(try LedgerBooks(agent.archive).violations == [])
        }
    }
}
