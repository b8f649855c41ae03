import Foundation

/// A place where segments go, on 127.0.0.1, with things that go wrong on demand: a process of the Python environment that
/// `.ci/python-venv` makes. It ends with its object.
public final class ExportServer {
    /// A request that it got.
    public struct Request: Decodable, Equatable {
        /// GET, PUT, …
        public var method: String
        /// Path and query.
        public var target: String
        /// Bytes of its body.
        public var length: Int
        /// By name in lower case.
        public var headers: [String: String]
    }

    /// Where it listens, on 127.0.0.1.
    public let port: Int
    private let process: InteractiveProcess

    private static let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    /// The interpreter of the Python environment.
    public static var python: String {
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let folder = ProcessInfo.processInfo.environment["TAPIO_TEST_VENV"] ?? root.path + "/.build-venv"
        return folder + "/bin/python"
    }

    /// moto, without a bucket. It takes any credentials until it is locked.
    public static func s3() throws -> ExportServer { try ExportServer("s3_server.py", []) }

    /// ClickHouse (chdb), without a table.
    public static func clickHouse(
        in directory: TemporaryDirectory,
        user: String = "default",
        password: String = ""
    ) throws -> ExportServer {
        try ExportServer("clickhouse_server.py", [directory.path, user, password])
    }

    /// A receiver of OTLP that keeps what it gets.
    ///
    /// - Parameters:
    ///   - authorization: What the header of that name must say; nil: nothing.
    ///   - certificates: Where there are certificates of both sides, which must know each other; nil: plain HTTP.
    public static func otlp(
        authorization: String? = nil,
        certificates: TestCertificates? = nil
    ) throws -> ExportServer {
        try ExportServer("otlp_server.py", [authorization ?? ""] + (certificates.map { [$0.folder] } ?? []))
    }

    private init(_ script: String, _ arguments: [String]) throws {
        let path = Self.here.path + "/Servers/" + script
        process = try InteractiveProcess([Self.python, "-B", path] + arguments)
        struct Ready: Decodable {
            var port: Int
        }
        guard let line = process.readLine() else {
            throw ProcessFailure(
                "\(script) did not start: run .ci/python-venv, or name an environment in TAPIO_TEST_VENV"
            )
        }
        port = try JSONDecoder().decode(Ready.self, from: Data(line.utf8)).port
    }

    /// Its URL.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// Does a command, and gives what it answers.
    @discardableResult
    public func command(_ verb: String, _ arguments: [String: Any] = [:]) throws -> [String: Any] {
        let object = arguments.merging(["do": verb]) { $1 }
        process.write(String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self))
        guard let line = process.readLine() else { throw ProcessFailure("the server has ended") }
        let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
        if let error = answer["error"] { throw ProcessFailure("\(object): \(error)") }
        return answer
    }

    /// Lets the next request that matches go wrong; see fault_proxy.py.
    public func fault(_ how: [String: Any]) throws { try command("fault", how) }

    /// The requests since the last time.
    public func requests() throws -> [Request] {
        let data = try JSONSerialization.data(withJSONObject: try command("requests")["requests"] ?? [])
        return try JSONDecoder().decode([Request].self, from: data)
    }

    /// SHA-256 by key of all objects of a bucket.
    public func objects(_ bucket: String) throws -> [String: String] {
        try command("objects", ["name": bucket])["objects"] as? [String: String] ?? [:]
    }

    /// What a query of ClickHouse gives.
    public func rows(_ query: String) throws -> [[String]] {
        try command("query", ["text": query])["rows"] as? [[String]] ?? []
    }
}
