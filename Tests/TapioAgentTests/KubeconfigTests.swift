import Foundation
import Glibc
import TapioKubernetes
import Testing

@testable import TapioAgent

@Suite("Kubeconfig") struct KubeconfigTests {
    private let directory = TemporaryDirectory()

    private func file(
        cluster: String = "server: https://127.0.0.1:6443",
        user: String = "token: abc",
        context: String = "cluster: c, user: u",
        current: String = "x"
    ) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: \(current)
        contexts:
        - name: other
          context: {cluster: nowhere, user: nobody}
        - name: x
          context: {\(context)}
        clusters:
        - name: c
          cluster: {\(cluster)}
        users:
        - name: u
          user: {\(user)}
        """
    }

    private func server(_ text: String) throws(KubeconfigError) -> APIServer {
        try Kubeconfig.server(directory.write("config", text))
    }

    /// What is said of a file that is refused.
    private func refusal(_ text: String) -> String {
        do throws(KubeconfigError) {
            _ = try server(text)
            return "taken"
        } catch {
            return "\(error.message); \(error.remedy)"
        }
    }

    @Test("the current context says whom to ask and as whom")
    func token() throws {
        let server = try server(file())
        #expect(server.url == "https://127.0.0.1:6443" && server.credentials == .token("abc"))
        #expect(server.caFile == nil && server.caData == nil)
        let nobody = try self.server(file(context: "cluster: c"))
        #expect(nobody.credentials == .none)
        // JSON is YAML, and kubectl writes it on demand.
        let json = """
            {"kind": "Config", "current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
             "clusters": [{"name": "c", "cluster": {"server": "https://h"}}], "users": [{"name": "u", "user": {"token": "t"}}]}
            """
        #expect(try self.server(json).credentials == .token("t"))
    }

    @Test("files are beside it, data is in it, and data counts first")
    func certificates() throws {
        for name in ["ca.crt", "client.crt", "client.key", "token"] { directory.write(name, "x") }
        let files = try server(
            file(
                cluster: "server: https://h, certificate-authority: ca.crt",
                user: "client-certificate: client.crt, client-key: \(directory.path)/client.key"
            )
        )
        #expect(files.caFile == directory.path + "/ca.crt")
        #expect(
            files.credentials
                == .clientCertificate(
                    certificate: directory.path + "/client.crt",
                    key: directory.path + "/client.key"
                )
        )
        let data = try server(
            file(
                cluster: "server: https://h, certificate-authority-data: Y2E=, certificate-authority: gone.crt",
                user: "client-certificate-data: Y2VydA==, client-key-data: a2V5"
            )
        )
        #expect(data.caData == Array("ca".utf8))
        #expect(data.credentials == .clientCertificateData(certificate: Array("cert".utf8), key: Array("key".utf8)))
        let token = try server(file(user: "tokenFile: token, token: old"))
        #expect(token.credentials == .tokenFile(directory.path + "/token"))
    }

    @Test("a file that is none, or asks for what is not done, is told with its name, what is wrong and what to do")
    func refusals() throws {
        let place = "kubeconfig \(directory.path)/config"
        for (text, said) in [
            ("", "is no kubeconfig: it has no 'kind: Config'"), ("hello", "is no kubeconfig"),
            ("[1, 2]", "is no kubeconfig"),
            ("kind: Pod", "is no kubeconfig"), ("a: b: c", "it is no YAML"), ("a: [", "is no YAML"),
            ("a: &x 1", "line 1: anchors"), ("\u{1}", "line 1: has the control character U+0001"),
            (file(current: "\"\""), "no current-context"), (file(current: "y"), "no context \"y\" in its contexts"),
            (file(context: "user: u"), "line 8: context \"x\" names no cluster"),
            (file(context: "cluster: d"), "no cluster \"d\""), (file(context: "cluster: c, user: v"), "no user \"v\""),
            (file(cluster: "a: b"), "cluster \"c\" has no server"),
            (file(cluster: "server: 'ftp://h'"), "begins with neither"),
            (file(cluster: "server: 'http://h'"), "credentials would go over plain HTTP"),
            (file(cluster: "server: https://h, insecure-skip-tls-verify: true"), "line 11: insecure-skip-tls-verify"),
            (file(cluster: "server: https://h, certificate-authority: gone.crt"), "gone.crt"),
            (
                file(cluster: "server: https://h, certificate-authority-data: '!'"),
                "certificate-authority-data is not base64"
            ),
            (file(cluster: "server: https://h, proxy-url: https://p"), "proxy-url is not supported"),
            (file(user: "exec: {command: aws}"), "line 14: its user needs exec"),
            (file(user: "username: a, password: b"), "its user needs username"),
            (file(user: "client-certificate-data: Y2E="), "client certificate and key"),
            (file(user: "tokenFile: gone"), "/gone"),
            (file(user: #"token: "a\nb""#), "holds bytes that no token has"),
        ] {
            let told = refusal(text)
            #expect(told.hasPrefix(place) && told.contains(said) && told.contains("; "), "\(text.prefix(40)): \(told)")
            #expect(!told.contains("\n"), "\(told)")
        }
        #expect(
            refusal(file(current: #""\e[2J""#)).contains(#""\u001B[2J""#)
                || !refusal(file(current: #""\e[2J""#)).contains("\u{1B}")
        )
        chmod(directory.write("config", file()), 0o666)
        do throws(KubeconfigError) {
            _ = try Kubeconfig.server(directory.path + "/config")
            Issue.record("everybody may write it")
        } catch {
            #expect(error.message.contains("everybody may write this file"))
        }
        #expect(throws: KubeconfigError.self) { try Kubeconfig.server("/nowhere/config") }
        #expect(throws: KubeconfigError.self) { try Kubeconfig.server(directory.path) }
    }

    @Test("the configuration's check finds it where its name is written, and that it says what other keys say")
    func configuration() throws {
        let path = directory.write("config", "kind: Pod")
        func errors(_ text: String) -> [String] {
            let file = directory.write("tapio.yaml", text)
            do throws(ConfigurationErrors) {
                let loader = ConfigurationLoader(schema: testSchema, machine: { MachineFacts.current() })
                _ = try loader.load(.init(file: .named(file)))
                return []
            } catch {
                return error.errors.map { "\($0.line ?? 0) \($0.key ?? "-") \($0.message)" }
            }
        }
        let none = errors("node: a\nkubernetes:\n  kubeconfig: \(path)\n")
        #expect(none == ["3 kubernetes.kubeconfig kubeconfig \(path): is no kubeconfig: it has no 'kind: Config'"])
        #expect(errors("kubernetes: {mode: off, kubeconfig: \(path)}\n") == [])
        directory.write("config", file())
        #expect(errors("kubernetes: {kubeconfig: \(path)}\n") == [])
        let twice = errors("kubernetes: {kubeconfig: \(path), url: 'https://h'}\n")
        #expect(twice == ["1 kubernetes.kubeconfig says what kubernetes.url says too"])
    }
}
