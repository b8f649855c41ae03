import Foundation
import Glibc
import TapioTestSupport
import Testing

/// What deploy/ holds, checked by those who will read it: systemd, kustomize, Helm's engine, the API's schemas, bash, mandoc.
@Suite("What is deployed") struct DeploymentTests {
    private static let root = String(#filePath.prefix(upTo: #filePath.range(of: "/Tests/")!.lowerBound))
    private static var isCI: Bool { ProcessInfo.processInfo.environment["CI"] == "true" }

    private static func has(_ program: String) -> Bool {
        isCI || ["/usr/bin/", "/bin/", "/usr/sbin/"].contains { access($0 + program, X_OK) == 0 }
    }

    private static let python: String = {
        (getenv("TAPIO_TEST_VENV").map { String(cString: $0) } ?? root + "/.build-venv") + "/bin/python"
    }()

    private func shell(_ script: String, _ arguments: [String] = []) throws -> TapioProgram.Result {
        let place = TemporaryDirectory()
        let child = try ChildProcess("/bin/bash", ["-ec", script, "bash"] + arguments, directory: place)
        guard let ending = child.wait(seconds: 120) else { throw AgentFailure("does not end: \(script)") }
        return TapioProgram.Result(ending: ending, output: child.output, errors: child.errors)
    }

    // MARK: systemd

    @Test(
        "systemd finds nothing to complain about in the unit, and its exposure is no worse than is documented",
        .enabled(if: has("systemd-analyze"))
    )
    func unit() throws {
        let place = TemporaryDirectory()
        let text = String(
            decoding: try #require(TestFile.read(Self.root + "/deploy/systemd/tapio.service")),
            as: UTF8.self
        )
        let unit = place.file("tapio.service")
        TestFile.write(unit, text.replacingOccurrences(of: "/usr/local/bin/tapio", with: TapioProgram.path))
        let verified = try shell("systemd-analyze verify --man=no \"$1\"", [unit])
        #expect(verified.exitCode == 0, "\(verified.errors)")
        #expect(!verified.errors.contains("tapio.service"), "\(verified.errors)")
        let judged = try shell("systemd-analyze security --offline=true --no-pager --threshold=35 \"$1\"", [unit])
        #expect(judged.exitCode == 0, "\(judged.output.suffix(200)) \(judged.errors)")
        // What its page in docs/ says is what it says.
        let figure = try #require(
            judged.output.split(separator: " ").first {
                $0.contains(".") && Double($0) != nil && judged.output.contains("tapio.service: \($0)")
            }
        )
        let page = String(decoding: TestFile.read(Self.root + "/docs/deployment.md") ?? [], as: UTF8.self)
        #expect(page.contains("exposure level \(figure)"), "it is \(figure)")
    }

    @Test("the unit lets through what the agent keeps, and what older kernels and heaps take")
    func unitCapabilities() throws {
        let text = String(
            decoding: try #require(TestFile.read(Self.root + "/deploy/systemd/tapio.service")),
            as: UTF8.self
        )
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("CapabilityBoundingSet=") })
        #expect(
            Set(line.dropFirst("CapabilityBoundingSet=".count).split(separator: " ").map(String.init)) == [
                "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_DAC_READ_SEARCH", "CAP_SYS_RESOURCE", "CAP_SYS_PTRACE",
                "CAP_CHECKPOINT_RESTORE",
            ]
        )
    }

    // MARK: Kubernetes

    /// An object as JSON.
    private struct Object {
        let json: [String: Any]

        var kind: String { json["kind"] as? String ?? "" }

        func at(_ path: String) -> Any? {
            path.split(separator: "/").reduce(json as Any?) { value, key in
                if let index = Int(key), let list = value as? [Any] { return index < list.count ? list[index] : nil }
                return (value as? [String: Any])?[String(key)]
            }
        }
        func text(_ path: String) -> String? { at(path) as? String }
        func strings(_ path: String) -> [String] { at(path) as? [String] ?? [] }
    }

    private func objects(_ command: String) throws -> [Object] {
        let result = try shell("set -o pipefail; cd \"$1\"; \(command)", [Self.root])
        guard result.exitCode == 0 else { throw AgentFailure("\(command): \(result.errors)") }
        return try result.output.split(separator: "\n").map {
            Object(json: try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]))
        }
    }

    /// What has to hold however it was made.
    private func check(_ objects: [Object], at place: SourceLocation = #_sourceLocation) throws {
        let one = { (kind: String) in
            try #require(objects.first { $0.kind == kind }, "no \(kind)", sourceLocation: place)
        }
        let set = try one("DaemonSet")
        let pod = "spec/template/spec/"
        let container = pod + "containers/0/"
        #expect(set.at(pod + "hostPID") as? Bool == true, sourceLocation: place)
        #expect(set.text(container + "resources/requests/memory") == "256Mi", sourceLocation: place)
        #expect(set.text(container + "resources/requests/cpu") == "500m", sourceLocation: place)
        #expect(set.text(container + "resources/limits/memory") == "512Mi", sourceLocation: place)
        #expect(set.text(container + "resources/limits/cpu") == "1", sourceLocation: place)
        #expect(set.strings(container + "securityContext/capabilities/drop") == ["ALL"], sourceLocation: place)
        #expect(
            Set(set.strings(container + "securityContext/capabilities/add"))
                == ["BPF", "PERFMON", "NET_ADMIN", "DAC_READ_SEARCH"],
            sourceLocation: place
        )
        #expect(set.at(container + "securityContext/readOnlyRootFilesystem") as? Bool == true, sourceLocation: place)
        #expect(set.at(container + "securityContext/privileged") as? Bool == false, sourceLocation: place)
        #expect(set.text(container + "env/0/name") == "TAPIO_NODE", sourceLocation: place)
        #expect(set.text(container + "env/0/valueFrom/fieldRef/fieldPath") == "spec.nodeName", sourceLocation: place)
        let labels = set.at("spec/template/metadata/labels") as? [String: String] ?? [:]
        for (key, value) in set.at("spec/selector/matchLabels") as? [String: String] ?? ["": ""] {
            #expect(labels[key] == value, sourceLocation: place)
        }
        // Each mount has its volume, and the account, class and configuration that it names are there.
        let volumes = Set((set.at(pod + "volumes") as? [[String: Any]] ?? []).compactMap { $0["name"] as? String })
        let mounts = (set.at(container + "volumeMounts") as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
        #expect(Set(mounts) == volumes && mounts.count == volumes.count, sourceLocation: place)
        let account = try one("ServiceAccount")
        #expect(set.text(pod + "serviceAccountName") == account.text("metadata/name"), sourceLocation: place)
        #expect(
            try one("ClusterRoleBinding").text("subjects/0/name") == account.text("metadata/name"),
            sourceLocation: place
        )
        #expect(
            try one("ClusterRoleBinding").text("roleRef/name") == one("ClusterRole").text("metadata/name"),
            sourceLocation: place
        )
        #expect(
            try set.text(pod + "priorityClassName") == one("PriorityClass").text("metadata/name"),
            sourceLocation: place
        )
        let map = try one("ConfigMap")
        #expect(set.text(pod + "volumes/0/configMap/name") == map.text("metadata/name"), sourceLocation: place)

        // Rights: what the page says, and nothing else.
        let rules = try one("ClusterRole").at("rules") as? [[String: Any]] ?? []
        let rights = rules.flatMap { rule in
            (rule["resources"] as? [String] ?? []).flatMap { resource in
                (rule["verbs"] as? [String] ?? []).map { "\($0) \(resource)" }
            }
        }
        let resources = ["pods", "services", "nodes", "events", "endpointslices"]
        #expect(Set(rights) == Set(resources.flatMap { ["list \($0)", "watch \($0)"] }), sourceLocation: place)

        // The program takes its configuration, and every command line that is in there.
        let directory = TemporaryDirectory()
        TestFile.write(directory.file("tapio.yaml"), try #require(map.text("data/tapio.yaml")))
        let checked = try TapioProgram.run(["config", "check", "--config", directory.file("tapio.yaml")])
        #expect(checked.exitCode == 0, "\(checked.errors)", sourceLocation: place)
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let command = set.strings(container + probe + "/exec/command")
            #expect(command.first == "tapio", sourceLocation: place)
            // Nobody answers there, which is another exit code than that of a wrong command line.
            let answer = try TapioProgram.run(
                Array(command.dropFirst()).map { $0 == "/run/tapio/tapio.sock" ? "/nonexistent" : $0 }
            )
            #expect(answer.exitCode == 1, "\(answer.errors)", sourceLocation: place)
        }
    }

    @Test("kustomize builds it, and every object fits the API's schemas", .enabled(if: has("kubectl")))
    func kustomize() throws {
        let base = try objects("kubectl kustomize deploy/kubernetes/base | \(Self.python) .ci/manifests")
        try check(base)
        #expect(base.allSatisfy { $0.kind != "ServiceMonitor" && $0.kind != "Service" })
        #expect(base.contains { $0.kind == "Namespace" && $0.text("metadata/name") == "tapio" })
        let policy = try #require(base.first { $0.kind == "NetworkPolicy" })
        #expect((policy.at("spec/ingress") as? [Any])?.isEmpty != false, "nobody may connect")

        let metrics = try objects(
            "kubectl kustomize deploy/kubernetes/overlays/prometheus | \(Self.python) .ci/manifests"
        )
        let set = try #require(metrics.first { $0.kind == "DaemonSet" })
        let ports = set.at("spec/template/spec/containers/0/ports") as? [[String: Any]]
        #expect(ports?.first?["name"] as? String == "metrics")
        let service = try #require(metrics.first { $0.kind == "Service" })
        let monitor = try #require(metrics.first { $0.kind == "ServiceMonitor" })
        #expect(monitor.text("spec/endpoints/0/port") == service.text("spec/ports/0/name"))
        let wanted = monitor.at("spec/selector/matchLabels") as? [String: String] ?? ["": ""]
        let labels = service.at("metadata/labels") as? [String: String] ?? [:]
        #expect(wanted.allSatisfy { labels[$0] == $1 })
        let names = set.at("spec/template/spec/containers/0/env") as? [[String: Any]] ?? []
        #expect(names.contains { $0["name"] as? String == "TAPIO_NODE" }, "the patch keeps what was there")
    }

    @Test(
        "Helm renders the chart, and every object fits the API's schemas",
        .enabled(if: isCI || access(python, X_OK) == 0)
    )
    func helm() throws {
        let chart = "\(Self.python) .ci/manifests --chart deploy/helm/tapio --values"
        try check(try objects("\(chart) '{}'"))
        func annotation(_ values: String) throws -> String? {
            let set = try objects("\(chart) '\(values)'").first { $0.kind == "DaemonSet" }
            return (set?.at("spec/template/metadata/annotations") as? [String: String])?["checksum/config"]
        }
        let usual = try #require(try annotation("{}"))
        #expect(try annotation("{\"config\": {\"log\": {\"level\": \"debug\"}}}") != usual, "a change rolls it")
        #expect(try annotation("{\"image\": {\"tag\": \"x\"}}") == usual)

        let all = """
            {"metrics": {"enabled": true, "port": 9999, "serviceMonitor": {"enabled": true, "labels": {"release": "x"}}}, \
            "imagePullSecrets": [{"name": "secret"}], "podAnnotations": {"a": "b"}, \
            "networkPolicy": {"extraEgress": [{"ports": [{"protocol": "TCP", "port": 4318}]}]}, \
            "priorityClass": {"create": false, "name": "system-node-critical"}}
            """
        let made = try objects("\(chart) '\(all)'")
        let set = try #require(made.first { $0.kind == "DaemonSet" })
        #expect(set.text("spec/template/spec/priorityClassName") == "system-node-critical")
        #expect(!made.contains { $0.kind == "PriorityClass" })
        #expect(set.at("spec/template/spec/containers/0/ports/0/containerPort") as? Int == 9999)
        #expect(made.first { $0.kind == "ServiceMonitor" }?.text("metadata/labels/release") == "x")
        let map = try #require(made.first { $0.kind == "ConfigMap" })
        #expect(map.text("data/tapio.yaml")?.contains("listen: 0.0.0.0:9999") == true)
    }

    // MARK: make install

    @Test("make install puts program, unit, completions and manual below a prefix, and uninstall takes just these away")
    func install() throws {
        let place = TemporaryDirectory()
        // With the program that is under test: that of a release is built in another step.
        let make =
            "make -s -C \"$1\" -o release RELEASE=\(TapioProgram.path) DESTDIR=\(place.path)/image PREFIX=/opt/tapio"
        let installed = try shell("\(make) install", [Self.root])
        try #require(installed.exitCode == 0, "\(installed.errors)")
        let image = place.path + "/image"
        let prefix = image + "/opt/tapio"
        #expect(access(prefix + "/bin/tapio", X_OK) == 0 && access(image + "/etc/tapio/tapio.yaml", R_OK) == 0)
        let unit = String(decoding: TestFile.read(prefix + "/lib/systemd/system/tapio.service") ?? [], as: UTF8.self)
        #expect(unit.contains("ExecStart=/opt/tapio/bin/tapio run") && !unit.contains("/usr/local"))
        #expect(access(prefix + "/share/zsh/site-functions/_tapio", R_OK) == 0)
        #expect(access(prefix + "/share/fish/vendor_completions.d/tapio.fish", R_OK) == 0)

        // The completion does what a person would want of it.
        let completion = prefix + "/share/bash-completion/completions/tapio"
        let asked = try shell(
            """
            source /usr/share/bash-completion/bash_completion 2>/dev/null || true
            source "$1"
            COMP_WORDS=(tapio ver); COMP_CWORD=1; COMP_LINE='tapio ver'; COMP_POINT=9; COMP_TYPE=9
            "$(complete -p tapio | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" tapio ver tapio
            printf '%s\\n' "${COMPREPLY[@]}"
            """,
            [completion]
        )
        #expect(
            Set(asked.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }) == [
                "verify", "version",
            ],
            "\(asked.output) \(asked.errors)"
        )

        // A page for each command, that renders without a complaint and holds what its help does.
        let manual = prefix + "/share/man/man1"
        let pages = TestFile.list(manual)
        #expect(
            Set(pages).isSuperset(of: ["tapio.1", "tapio-run.1", "tapio-config-check.1", "tapio-bench-kernel.1"]),
            "\(pages)"
        )
        #expect(!pages.contains("tapio-manual.1"))
        for page in pages {
            let lint = try shell("mandoc -T lint -W warning \"$1\"", [manual + "/" + page])
            #expect(lint.exitCode == 0, "\(lint.output)")
        }
        let rendered = try shell("mandoc -T utf8 \"$1\" | col -b", [manual + "/tapio-run.1"]).output
        for text in [
            "--archive dir", "sudo tapio run --collectors process --print", "tapio run",
            "Stop by itself after this time",
        ] {
            #expect(rendered.contains(text), "\(text) is not in \(rendered)")
        }

        TestFile.write(manual + "/other.1", "")
        #expect(try shell("\(make) uninstall", [Self.root]).exitCode == 0)
        let left = try shell("cd \"$1\"; find . -type f | sort", [image]).output
        #expect(left == "./etc/tapio/tapio.yaml\n./opt/tapio/share/man/man1/other.1\n")
    }
}
