import Foundation
import Glibc
import TapioAgent
import TapioTestSupport
import Testing

/// What deploy/ holds, checked by those who will read it: systemd, kustomize, Helm's engine, the API's schemas, bash, mandoc.
@Suite("What is deployed") struct DeploymentTests {
    // MARK: systemd

    @Test(
        "systemd finds nothing to complain about in the unit, and its exposure is no worse than is documented",
        .enabled(if: Repository.has("systemd-analyze"))
    )
    func unit() throws {
        let place = TemporaryDirectory()
        let text = Repository.text("deploy/systemd/tapio.service")
        let unit = place.file("tapio.service")
        TestFile.write(unit, text.replacingOccurrences(of: "/usr/local/bin/tapio", with: TapioProgram.path))
        let verified = try Repository.shell("systemd-analyze verify --man=no \"$1\"", [unit])
        #expect(verified.exitCode == 0, "\(verified.errors)")
        #expect(!verified.errors.contains("tapio.service"), "\(verified.errors)")
        let judged = try Repository.shell(
            "systemd-analyze security --offline=true --no-pager --threshold=35 \"$1\"",
            [unit]
        )
        #expect(judged.exitCode == 0, "\(judged.output.suffix(200)) \(judged.errors)")
        // What its page in docs/ says is what it says.
        let figure = try #require(
            judged.output.split(separator: " ").first {
                $0.contains(".") && Double($0) != nil && judged.output.contains("tapio.service: \($0)")
            }
        )
        #expect(Repository.text("docs/deployment.md").contains("exposure level \(figure)"), "it is \(figure)")
    }

    @Test("the unit lets through what the agent keeps, and what heaps take")
    func unitCapabilities() throws {
        let text = Repository.text("deploy/systemd/tapio.service")
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("CapabilityBoundingSet=") })
        #expect(
            Set(line.dropFirst("CapabilityBoundingSet=".count).split(separator: " ").map(String.init)) == [
                "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE",
                "CAP_CHECKPOINT_RESTORE",
            ]
        )
    }

    // MARK: Kubernetes

    /// An object as JSON.
    private struct Object {
        let json: [String: Any]

        var kind: String { json["kind"] as? String ?? "" }

        /// What is at a path; `~` stands for a slash in a key.
        func at(_ path: String) -> Any? {
            path.split(separator: "/").reduce(json as Any?) { value, key in
                if let index = Int(key), let list = value as? [Any] { return index < list.count ? list[index] : nil }
                return (value as? [String: Any])?[String(key).replacing("~", with: "/")]
            }
        }
        func text(_ path: String) -> String? { at(path) as? String }
        func strings(_ path: String) -> [String] { at(path) as? [String] ?? [] }
    }

    private func objects(_ command: String) throws -> [Object] {
        let result = try Repository.shell(command)
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
        #expect((set.at(pod + "volumes") as? [Any])?.count == volumes.count, sourceLocation: place)
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

        // The program takes its configuration, laid out as the volume does, and every command line that is in there.
        let directory = TemporaryDirectory()
        mkdir(directory.file("tapio.yaml.d"), 0o755)
        let items = set.at(pod + "volumes/0/configMap/items") as? [[String: Any]]
        for item in items ?? [["key": "tapio.yaml", "path": "tapio.yaml"]] {
            let (key, path) = (item["key"] as? String ?? "", item["path"] as? String ?? "")
            let text = try #require((map.at("data") as? [String: String])?[key], "no \(key)", sourceLocation: place)
            // Secrets are the cluster's.
            let secret = directory.file("secret")
            TestFile.write(secret, "secret")
            let own = text.replacing(#/password_file: .*/#, with: "password_file: \(secret)")
            TestFile.write(directory.file(path), own)
        }
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

    @Test("kustomize builds it, and every object fits the API's schemas", .enabled(if: Repository.has("kubectl")))
    func kustomize() throws {
        let base = try objects("kubectl kustomize deploy/kubernetes/base | \(Repository.python) .ci/manifests")
        try check(base)
        #expect(base.allSatisfy { $0.kind != "ServiceMonitor" && $0.kind != "Service" })
        #expect(base.contains { $0.kind == "Namespace" && $0.text("metadata/name") == "tapio" })
        let policy = try #require(base.first { $0.kind == "NetworkPolicy" })
        #expect((policy.at("spec/ingress") as? [Any])?.isEmpty != false, "nobody may connect")
        #expect((policy.at("spec/egress") as? [Any])?.count == 2)

        let metrics = try overlay("prometheus")
        try check(metrics)
        try checkMetrics(metrics, port: 19464)
        let map = try #require(metrics.first { $0.kind == "ConfigMap" })
        #expect(map.text("data/tapio.yaml") == base.first { $0.kind == "ConfigMap" }?.text("data/tapio.yaml"))
        #expect(map.text("data/metrics.yaml")?.contains("listen: 0.0.0.0:19464") == true)

        let export = try overlay("export")
        try check(export)
        let set = try #require(export.first { $0.kind == "DaemonSet" })
        #expect(set.text("spec/template/spec/containers/0/envFrom/0/secretRef/name") == "tapio-s3")
        let out = export.first { $0.kind == "NetworkPolicy" }?.at("spec/egress") as? [[String: Any]] ?? []
        let ports = out.flatMap { ($0["ports"] as? [[String: Any]] ?? []).compactMap { $0["port"] as? Int } }
        #expect(ports == [53, 53, 443, 6443, 8443, 80])
        #expect(out.last?["to"] != nil, "credentials come from known addresses")
    }

    private func overlay(_ name: String) throws -> [Object] {
        try objects("kubectl kustomize deploy/kubernetes/overlays/\(name) | \(Repository.python) .ci/manifests")
    }

    /// Who may ask for metrics, where, under which names they are known, and what is said of them.
    private func checkMetrics(_ objects: [Object], port: Int, at place: SourceLocation = #_sourceLocation) throws {
        let one = { (kind: String) in
            try #require(objects.first { $0.kind == kind }, "no \(kind)", sourceLocation: place)
        }
        let container = "spec/template/spec/containers/0/"
        #expect(try one("DaemonSet").text(container + "ports/0/name") == "metrics", sourceLocation: place)
        #expect(try one("DaemonSet").at(container + "ports/0/containerPort") as? Int == port, sourceLocation: place)
        let service = try one("Service")
        #expect(service.at("spec/ports/0/port") as? Int == port, sourceLocation: place)
        #expect(service.text("spec/ports/0/targetPort") == "metrics", sourceLocation: place)
        let monitor = try one("ServiceMonitor")
        #expect(monitor.text("spec/endpoints/0/port") == service.text("spec/ports/0/name"), sourceLocation: place)
        let wanted = monitor.at("spec/selector/matchLabels") as? [String: String] ?? ["": ""]
        let labels = service.at("metadata/labels") as? [String: String] ?? [:]
        #expect(wanted.allSatisfy { labels[$0] == $1 }, sourceLocation: place)
        // The alerts say job="tapio", and take an instance for a node.
        #expect(labels[monitor.text("spec/jobLabel") ?? ""] == "tapio", sourceLocation: place)
        let names = (monitor.at("spec/endpoints/0/relabelings") as? [[String: Any]] ?? []).map {
            "\(($0["sourceLabels"] as? [String] ?? []).joined()) \($0["targetLabel"] ?? "")"
        }
        let node = "__meta_kubernetes_pod_node_name"
        #expect(names == ["\(node) instance", "\(node) node"], sourceLocation: place)
        let from = "spec/ingress/0/from/0/"
        let policy = try one("NetworkPolicy")
        #expect(
            policy.text(from + "namespaceSelector/matchLabels/kubernetes.io~metadata.name") == "monitoring",
            sourceLocation: place
        )
        #expect(
            policy.text(from + "podSelector/matchLabels/app.kubernetes.io~name") == "prometheus",
            sourceLocation: place
        )
        #expect(policy.text("spec/ingress/0/ports/0/port") == "metrics", sourceLocation: place)
        // The operator gets the very rules that promtool has tested.
        let rules = try self.objects(
            "\(Repository.python) -c 'import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.stdin)))' "
                + "<deploy/prometheus/tapio.rules.yaml"
        )
        let spec = try #require(try one("PrometheusRule").at("spec") as? NSDictionary, sourceLocation: place)
        #expect(spec == rules.first.map { $0.json as NSDictionary }, sourceLocation: place)
    }

    @Test("the rules' copies are what `make rules` writes")
    func rules() throws {
        let place = TemporaryDirectory()
        let result = try Repository.shell(
            """
            .ci/prometheus-rules "$1"
            (cd "$1" && find . -type f) | while read -r file; do cmp "$file" "$1/$file"; done
            """,
            [place.path]
        )
        #expect(result.exitCode == 0, "run make rules: \(result.output)\(result.errors)")
    }

    private static let chart = "\(Repository.python) .ci/manifests --chart deploy/helm/tapio --values"

    @Test(
        "Helm renders the chart, and every object fits the API's schemas",
        .enabled(if: Repository.isCI || access(Repository.python, X_OK) == 0)
    )
    func helm() throws {
        try check(try objects("\(Self.chart) '{}'"))
        func annotation(_ values: String) throws -> String? {
            let set = try objects("\(Self.chart) '\(values)'").first { $0.kind == "DaemonSet" }
            return (set?.at("spec/template/metadata/annotations") as? [String: String])?["checksum/config"]
        }
        let usual = try #require(try annotation("{}"))
        #expect(try annotation("{\"config\": {\"log\": {\"level\": \"debug\"}}}") != usual, "a change rolls it")
        #expect(try annotation("{\"image\": {\"tag\": \"x\"}}") == usual)

        let all = """
            {"metrics": {"enabled": true, "port": 9999, "serviceMonitor": {"enabled": true, "labels": {"release": "x"}}, \
            "prometheusRule": {"enabled": true, "labels": {"release": "y"}}}, \
            "imagePullSecrets": [{"name": "secret"}], "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, \
            "networkPolicy": {"extraEgress": [{"ports": [{"protocol": "TCP", "port": 4318}]}]}, \
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": \
            [{"matchExpressions": [{"key": "e", "operator": "Exists"}]}]}}}, "updateStrategy": {"type": "OnDelete"}, \
            "priorityClass": {"create": false, "name": "system-node-critical"}}
            """
        let made = try objects("\(Self.chart) '\(all)'")
        try checkMetrics(made, port: 9999)
        let set = try #require(made.first { $0.kind == "DaemonSet" })
        #expect(set.text("spec/template/spec/priorityClassName") == "system-node-critical")
        #expect(!made.contains { $0.kind == "PriorityClass" })
        #expect(
            set.text("spec/template/metadata/labels/c") == "d" && set.text("spec/updateStrategy/type") == "OnDelete"
        )
        #expect(set.at("spec/template/spec/affinity/nodeAffinity") != nil)
        #expect(made.first { $0.kind == "ServiceMonitor" }?.text("metadata/labels/release") == "x")
        #expect(made.first { $0.kind == "PrometheusRule" }?.text("metadata/labels/release") == "y")
        let map = try #require(made.first { $0.kind == "ConfigMap" })
        #expect(map.text("data/tapio.yaml")?.contains("listen: 0.0.0.0:9999") == true)

        let none = try objects("\(Self.chart) '{\"priorityClass\": {\"create\": false}}'")
        #expect(none.first { $0.kind == "DaemonSet" }?.at("spec/template/spec/priorityClassName") == nil)
    }

    @Test(
        "the chart takes the exporters' values as the page has them, and what a node wants otherwise",
        .enabled(if: Repository.isCI || access(Repository.python, X_OK) == 0)
    )
    func secrets() throws {
        let page = Repository.text("docs/deployment.md")
        let example = try #require(page.firstMatch(of: #/```yaml\n(# export-values.yaml\n(?s).*?)```/#)?.1)
        let place = TemporaryDirectory()
        TestFile.write(place.file("values.yaml"), String(example))
        let json =
            "$(\(Repository.python) -c 'import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.stdin)))' <\(place.file("values.yaml")))"
        let made = try objects("\(Self.chart) \"\(json)\"")
        try check(made)
        let set = try #require(made.first { $0.kind == "DaemonSet" })
        #expect(set.text("spec/template/spec/containers/0/envFrom/0/secretRef/name") == "tapio-s3")
        #expect((made.first { $0.kind == "NetworkPolicy" }?.at("spec/egress") as? [Any])?.count == 4)
        #expect(
            made.first { $0.kind == "ConfigMap" }?.text("data/tapio.yaml")?.contains("bucket: tapio-events") == true
        )

        let other = """
            {"hostNetwork": true, "metrics": {"enabled": true}, "extraEnv": [{"name": "A", "value": "b"}], \
            "serviceAccount": {"annotations": {"role": "r"}}, \
            "securityContext": {"seLinuxOptions": {"type": "spc_t"}, "readOnlyRootFilesystem": false}}
            """
        let host = try objects("\(Self.chart) '\(other)'")
        let pod = try #require(host.first { $0.kind == "DaemonSet" })
        #expect(pod.at("spec/template/spec/hostNetwork") as? Bool == true)
        #expect(pod.text("spec/template/spec/dnsPolicy") == "ClusterFirstWithHostNet")
        // No NetworkPolicy holds there: not on all addresses.
        let environment = pod.at("spec/template/spec/containers/0/env") as? [[String: Any]] ?? []
        #expect(
            environment.compactMap { $0["name"] as? String } == ["TAPIO_NODE", "HOST_IP", "TAPIO_HTTP_LISTEN", "A"]
        )
        #expect(environment.dropLast().last?["value"] as? String == "$(HOST_IP):19464")
        #expect(host.first { $0.kind == "ConfigMap" }?.text("data/tapio.yaml")?.contains("listen") == false)
        let security = "spec/template/spec/containers/0/securityContext/"
        #expect(pod.text(security + "seLinuxOptions/type") == "spc_t")
        #expect(pod.at(security + "readOnlyRootFilesystem") as? Bool == false)
        #expect(pod.at(security + "runAsUser") as? Int == 0, "what is not named stays")
        #expect(host.first { $0.kind == "ServiceAccount" }?.text("metadata/annotations/role") == "r")
    }

    @Test(
        "a value that is misspelt or of another type is refused, and named",
        .enabled(if: Repository.isCI || access(Repository.python, X_OK) == 0),
        arguments: [
            (#"{"metircs": {"enabled": true}}"#, "metircs"),
            (#"{"metrics": {"servicemonitor": {}}}"#, "servicemonitor"),
            (#"{"hostNetwork": "yes"}"#, "hostNetwork"), (#"{"metrics": {"port": 0}}"#, "port"),
            (#"{"extraEnv": {"A": "b"}}"#, "extraEnv"),
        ]
    )
    func misspelt(values: String, name: String) throws {
        let refused = try Repository.shell("\(Self.chart) '\(values)'")
        #expect(refused.exitCode == 1 && refused.output.isEmpty)
        #expect(refused.errors.contains(name), "\(refused.errors)")
        #expect(!refused.errors.contains("Traceback"), "\(refused.errors)")
    }

    @Test("every value of the chart is in its schema, and nothing else is")
    func schema() throws {
        let schema = try #require(
            JSONSerialization.jsonObject(with: Data(Repository.text("deploy/helm/tapio/values.schema.json").utf8))
                as? [String: Any]
        )
        let known = Set((schema["properties"] as? [String: Any] ?? [:]).keys)
        let keys = Repository.text("deploy/helm/tapio/values.yaml").split(separator: "\n")
            .compactMap { $0.firstMatch(of: #/^([a-zA-Z]+):/#).map { String($0.1) } }
        #expect(Set(keys) == known.subtracting(["global"]))
    }

    @Test("every file says the same version")
    func version() {
        let version = TapioVersion.current
        for (file, text) in [
            ("deploy/helm/tapio/Chart.yaml", "version: \(version)"),
            ("deploy/helm/tapio/Chart.yaml", "appVersion: \(version)"),
            ("deploy/kubernetes/base/kustomization.yaml", "newTag: \(version)"),
            ("deploy/container/Containerfile", "ARG VERSION=\(version)"),
        ] {
            #expect(Repository.text(file).split(separator: "\n").contains { $0.hasSuffix(text) }, "\(file)")
        }
    }
}
