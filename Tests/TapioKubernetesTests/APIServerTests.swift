import TapioTestSupport
import Testing

@testable import TapioKubernetes

@Suite("APIServer")
struct APIServerTests {
    private let directory = TemporaryDirectory()

    init() {
        TestFile.write(directory.file("token"), "secret\n")
        TestFile.write(directory.file("ca.crt"), "PEM")
        TestFile.write(directory.file("namespace"), "agents\n")
    }

    private func inCluster(_ environment: [String: String]) throws(KubernetesError) -> APIServer {
        try APIServer.inCluster(environment: environment, directory: directory.path)
    }

    @Test("in a cluster everything comes from where kubelet puts it")
    func inCluster() throws {
        let server = try inCluster(["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"])
        #expect(server.url == "https://10.96.0.1:6443")
        #expect(server.caFile == directory.file("ca.crt"))
        #expect(server.credentials == .tokenFile(directory.file("token")))
        #expect(server.namespace == "agents")
        #expect(try inCluster(["KUBERNETES_SERVICE_HOST": "fd00::1"]).url == "https://[fd00::1]:443")
    }

    @Test("what is missing is named, with what to do")
    func missing() throws {
        let environment = ["KUBERNETES_SERVICE_HOST": "10.96.0.1"]
        func error(_ environment: [String: String]) -> String {
            do throws(KubernetesError) {
                _ = try inCluster(environment)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(
            error([:])
                == "cannot find the API server at the environment: KUBERNETES_SERVICE_HOST is not set; "
                + "run as a pod, or configure the server's URL, CA and token"
        )
        TestFile.removeTree(directory.file("namespace"))
        #expect(error(environment) == "")
        TestFile.removeTree(directory.file("token"))
        #expect(
            error(environment)
                == "cannot read the token at \(directory.file("token")): No such file or directory; "
                + "check that the service account's token is mounted there and readable"
        )
        TestFile.write(directory.file("token"), "secret")
        TestFile.removeTree(directory.file("ca.crt"))
        #expect(
            error(environment)
                == "cannot read the CA certificate at \(directory.file("ca.crt")): No such file or directory; "
                + "check the path and its permissions"
        )
    }

    @Test(
        "a URL that is none is refused",
        arguments: [
            "", "10.0.0.1", "ftp://host", "https://", "https:///path", "https://:443", "https://user@host",
            "https://host?query", "https://host#x", "https://a b", "https://host\nX: y", "https://hößt",
            "https://" + String(repeating: "a", count: 2048),
        ]
    )
    func badURL(url: String) {
        #expect(throws: KubernetesError.self) { try APIServer(url: url, credentials: .none) }
    }

    @Test("slashes at a URL's end do not count, and a secret never goes over plain HTTP")
    func goodURL() throws {
        #expect(try APIServer(url: "https://host:6443/path//", credentials: .none).url == "https://host:6443/path")
        #expect(try APIServer(url: "http://localhost:8001", credentials: .none).url == "http://localhost:8001")
        let credentials = APIServer.Credentials.tokenFile(directory.file("token"))
        #expect(throws: KubernetesError.self) { try APIServer(url: "http://host", credentials: credentials) }
        #expect(throws: KubernetesError.self) {
            let pair = APIServer.Credentials.clientCertificate(certificate: directory.file("x"), key: "/x")
            return try APIServer(url: "https://host", credentials: pair)
        }
    }

    @Test(
        "a token is what is in its file but blanks around it",
        arguments: [
            ("abc.DEF-_", "abc.DEF-_"), (" \n\tabc\r\n\n", "abc"), ("", nil), ("\n", nil), ("a b", nil),
            ("a\nb: c", nil),
            ("a\0", nil), ("ä", nil), (String(repeating: "a", count: 65_537), nil),
        ] as [(String, String?)]
    )
    func token(text: String, token: String?) {
        TestFile.write(directory.file("token"), text)
        #expect((try? BearerToken(path: directory.file("token")).read()) == token)
    }

    @Test("names and values of a query are escaped")
    func query() {
        var request = HTTPRequest(action: "", path: "/a", connectSeconds: 1, totalSeconds: 1)
        #expect(request.target == "/a")
        request.query = [("continue", "x+/=&?#%"), ("fieldSelector", "spec.nodeName=ü ~")]
        #expect(request.target == "/a?continue=x%2B%2F%3D%26%3F%23%25&fieldSelector=spec.nodeName%3D%C3%BC%20~")
    }

    @Test("a reason from the network is one line of bounded length")
    func reason() {
        let error = KubernetesError(action: "list", place: "x", reason: "a\r\n\u{1B}[31mb\u{202E}c\u{2028}d")
        #expect(error.reason == "a   [31mb c d")
        let long = KubernetesError(action: "list", place: "x", reason: String(repeating: "x", count: 10_000))
        #expect(long.reason.count == 300)
    }
}
