import Foundation

/// An API server of the test's own: a process with a certificate that was made for it. It ends with its object.
public final class FakeServer {
    /// A request that it got.
    public struct Request: Decodable, Equatable {
        /// "list" or "watch".
        public var verb: String
        /// Without its query.
        public var path: String
        /// What follows the path.
        public var query: [String: String]
    }

    /// What it takes at first.
    public static let token = "fake-token-1"
    /// The path of pods.
    public static let pods = "/api/v1/pods"
    /// The path of nodes.
    public static let nodes = "/api/v1/nodes"
    /// The path of events.
    public static let events = "/api/v1/events"
    /// Where the recorded answers lie.
    public static var recorded: String { here + "/Recorded" }

    /// Its certificates, and its `token`.
    public let directory = TemporaryDirectory()
    /// Where it listens, on 127.0.0.1.
    public let port: Int
    private let process: InteractiveProcess

    private static var here: String { URL(fileURLWithPath: #filePath).deletingLastPathComponent().path }

    /// Starts it, without objects.
    public init() throws {
        try Certificates.make(in: directory)
        TestFile.write(directory.file("token"), Self.token + "\n")
        process = try InteractiveProcess(
            [
                "python3", "-B", Self.here + "/Server/fake_api_server.py", directory.file("server.crt"),
                directory.file("server.key"),
                directory.file("ca.crt"), Self.recorded, Self.token,
            ]
        )
        struct Ready: Decodable {
            var port: Int
        }
        guard let line = process.readLine() else { throw FakeServerFailure(description: "it did not start") }
        port = try JSONDecoder().decode(Ready.self, from: Data(line.utf8)).port
    }

    /// Its URL.
    public var url: String { "https://127.0.0.1:\(port)" }

    /// Does a command, and gives what it answers.
    @discardableResult
    public func command(_ verb: String, _ arguments: [String: Any] = [:]) throws -> Data {
        let object = arguments.merging(["do": verb]) { $1 }
        process.write(String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self))
        guard let line = process.readLine() else { throw FakeServerFailure(description: "it has ended") }
        struct Failure: Decodable {
            var error: String?
        }
        let data = Data(line.utf8)
        if let error = try JSONDecoder().decode(Failure.self, from: data).error {
            throw FakeServerFailure(description: "\(object): \(error)")
        }
        return data
    }

    /// Lets requests fail: those for lists, watches or any.
    public func fail(_ verb: String, _ how: [String: Any]) throws {
        try command("fault", how.merging(["on": verb]) { $1 })
    }

    /// Loads the recorded lists of all resources.
    public func loadRecordedCluster() throws {
        for (path, file) in [
            (Self.nodes, "nodes"), ("/api/v1/services", "services"),
            ("/apis/discovery.k8s.io/v1/endpointslices", "endpointslices"), (Self.pods, "pods"),
        ] {
            try command("load", ["file": "\(file)-list.json", "path": path])
        }
    }

    /// Makes or changes a pod.
    public func putPod(_ name: String, _ parts: [String: Any] = [:]) throws {
        var pod: [String: Any] = ["metadata": ["name": name, "namespace": "test", "uid": "uid-\(name)"]]
        pod.merge(parts) { $1 }
        try command("put", ["path": Self.pods, "object": pod])
    }

    /// Takes one away.
    public func deletePod(_ name: String) throws {
        try command("delete", ["path": Self.pods, "uid": "uid-\(name)"])
    }

    /// Waits until so many watches are under way.
    public func awaitWatches(_ count: Int = 1) throws {
        struct Answer: Decodable {
            var ok: Bool
        }
        let data = try command("await", ["watchers": count])
        guard try JSONDecoder().decode(Answer.self, from: data).ok else {
            throw FakeServerFailure(description: "there were never \(count) watches")
        }
    }

    /// Watches under way.
    public func watches() throws -> Int {
        struct Answer: Decodable {
            var watches: Int
        }
        return try JSONDecoder().decode(Answer.self, from: command("watches")).watches
    }

    /// The requests that it got up to now.
    public func requests(_ verb: String? = nil) throws -> [Request] {
        struct Answer: Decodable {
            var requests: [Request]
        }
        return try JSONDecoder().decode(Answer.self, from: command("requests")).requests.filter {
            verb == nil || $0.verb == verb
        }
    }
}

/// Why it does not do what a test needs.
public struct FakeServerFailure: Error, CustomStringConvertible {
    /// One line.
    public let description: String

    /// A reason.
    public init(description: String) { self.description = description }
}

/// Certificates for a minute, by openssl.
public enum Certificates {
    private static let configuration = """
        [req]
        distinguished_name = name
        prompt = no
        [name]
        CN = tapio test
        [authority]
        basicConstraints = critical,CA:TRUE
        keyUsage = critical,keyCertSign
        subjectKeyIdentifier = hash
        [server]
        basicConstraints = critical,CA:FALSE
        subjectAltName = IP:127.0.0.1,DNS:localhost
        [client]
        basicConstraints = critical,CA:FALSE
        extendedKeyUsage = clientAuth

        """

    /// `ca`, `other-ca`, `server` and `client`, each as `.crt` and `.key`; `ca` has signed the last two.
    public static func make(in directory: TemporaryDirectory) throws {
        TestFile.write(directory.file("openssl.cnf"), configuration)
        try make("ca", extensions: "authority", in: directory)
        try make("other-ca", extensions: "authority", in: directory)
        try make("server", extensions: "server", by: "ca", in: directory)
        try make("client", extensions: "client", by: "ca", in: directory)
    }

    private static func make(
        _ name: String,
        extensions: String,
        by authority: String? = nil,
        in directory: TemporaryDirectory
    ) throws {
        var arguments = [
            "req", "-x509", "-days", "1", "-config", directory.file("openssl.cnf"),
            "-extensions", extensions, "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-keyout", directory.file("\(name).key"), "-out", directory.file("\(name).crt"),
        ]
        if let authority {
            arguments += ["-CA", directory.file("\(authority).crt"), "-CAkey", directory.file("\(authority).key")]
        } else {
            // Authorities of the same name would be taken for each other.
            arguments += ["-subj", "/CN=\(name)"]
        }
        // It chatters on its standard error, where that should only be seen if it failed.
        let quietly = "openssl \"$@\" 2>'\(directory.file("log"))' || { cat '\(directory.file("log"))'; exit 1; }"
        try InteractiveProcess.run(["sh", "-c", quietly, "sh"] + arguments)
    }
}
