import Foundation
import TapioKubernetes
import Yams

/// What is wrong with a kubeconfig, and what to do; the message begins with the file, and never shows a secret.
struct KubeconfigError: Error {
    let message: String
    let remedy: String
}

/// Reads files as kubectl has them: of the current context, whom to ask, and as whom.
///
/// Tokens and certificates are taken, in the file or beside it. What would need a program (exec, auth-provider), a password,
/// or trust in anybody is refused. Like the agent's own files it is plain YAML without anchors, at most 1 MiB.
struct Kubeconfig {
    private let path: String
    private let root: Yams.Node

    private static let flatten = "write one with kubectl config view --raw --minify --flatten"

    /// The API server that a file names.
    static func server(_ path: String) throws(KubeconfigError) -> APIServer {
        let file = try Kubeconfig(path)
        let context = try file.context()
        let cluster = try file.entry("clusters", context.cluster, "cluster")
        guard let url = cluster["server"]?.string, !url.isEmpty else {
            throw file.error(
                "cluster \(QuotedText.quoted(context.cluster)) has no server",
                at: cluster,
                remedy: flatten
            )
        }
        if cluster["insecure-skip-tls-verify"]?.bool == true {
            throw file.error(
                "insecure-skip-tls-verify would show the agent's credentials to anybody",
                at: cluster,
                remedy: "give the certificate-authority instead"
            )
        }
        for key in ["proxy-url", "tls-server-name"] where cluster[key] != nil {
            throw file.error(
                "\(key) is not supported",
                at: cluster,
                remedy: "use HTTPS_PROXY, or the server's own name"
            )
        }
        let caData = try file.data("certificate-authority-data", of: cluster)
        var credentials = APIServer.Credentials.none
        if let name = context.user { credentials = try file.credentials(try file.entry("users", name, "user")) }
        do throws(KubernetesError) {
            return try APIServer(
                url: url,
                caFile: cluster["certificate-authority"]?.string.map { file.absolute($0) },
                caData: caData,
                credentials: credentials
            )
        } catch {
            throw KubeconfigError(message: "\(file.place()): \(error.reason) (\(error.place))", remedy: error.remedy)
        }
    }

    private init(_ path: String) throws(KubeconfigError) {
        self.path = path
        let text: [UInt8]
        do throws(ConfigurationFileReader.Refusal) {
            text = try ConfigurationFileReader.read(path)
        } catch {
            throw KubeconfigError(message: "\(Self.place(path, error.line)): \(error.message)", remedy: error.remedy)
        }
        do throws(PlainYAML.Violation) {
            try PlainYAML.check(text)
        } catch {
            throw KubeconfigError(message: "\(Self.place(path, error.line)): \(error.message)", remedy: Self.flatten)
        }
        let composed: Yams.Node?
        do {
            composed = try Yams.compose(yaml: String(decoding: text, as: UTF8.self))
        } catch {
            throw KubeconfigError(
                message: "\(Self.place(path, 0)): is no kubeconfig: it is no YAML",
                remedy: Self.flatten
            )
        }
        guard let composed, composed.mapping != nil, composed["kind"]?.string == "Config" else {
            throw KubeconfigError(
                message: "\(Self.place(path, 0)): is no kubeconfig: it has no 'kind: Config'",
                remedy: Self.flatten
            )
        }
        root = composed
    }

    private func context() throws(KubeconfigError) -> (cluster: String, user: String?) {
        guard let name = root["current-context"]?.string, !name.isEmpty else {
            throw error("it has no current-context", remedy: "choose one with kubectl config use-context")
        }
        let context = try entry("contexts", name, "context")
        guard let cluster = context["cluster"]?.string, !cluster.isEmpty else {
            throw error("context \(QuotedText.quoted(name)) names no cluster", at: context, remedy: Self.flatten)
        }
        return (cluster, context["user"]?.string.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// Of a list of named things, the one of that name.
    private func entry(_ list: String, _ name: String, _ part: String) throws(KubeconfigError) -> Yams.Node {
        let items = root[list]?.sequence.map { Array($0) } ?? []
        guard let found = items.first(where: { $0["name"]?.string == name }), let entry = found[part],
            entry.mapping != nil
        else { throw error("it has no \(part) \(QuotedText.quoted(name)) in its \(list)", remedy: Self.flatten) }
        return entry
    }

    private func credentials(_ user: Yams.Node) throws(KubeconfigError) -> APIServer.Credentials {
        for key in ["exec", "auth-provider", "username"] where user[key] != nil {
            throw error(
                "its user needs \(key), which the agent does not do",
                at: user,
                remedy: "give a service account's token: kubectl create token, or a Secret of one"
            )
        }
        let certificate = try data("client-certificate-data", of: user)
        let key = try data("client-key-data", of: user)
        let certificateFile = user["client-certificate"]?.string.map { absolute($0) }
        let keyFile = user["client-key"]?.string.map { absolute($0) }
        if let certificate, let key { return .clientCertificateData(certificate: certificate, key: key) }
        if certificate == nil, key == nil, let certificateFile, let keyFile {
            return .clientCertificate(certificate: certificateFile, key: keyFile)
        }
        if certificate != nil || key != nil || certificateFile != nil || keyFile != nil {
            throw error(
                "its user needs client certificate and key, both as files or both as data",
                at: user,
                remedy: Self.flatten
            )
        }
        if let file = user["tokenFile"]?.string, !file.isEmpty { return .tokenFile(absolute(file)) }
        if let token = user["token"]?.string, !token.isEmpty { return .token(token) }
        return .none
    }

    /// What a key holds in base64; nil without it.
    private func data(_ key: String, of node: Yams.Node) throws(KubeconfigError) -> [UInt8]? {
        guard let text = node[key]?.string, !text.isEmpty else { return nil }
        guard let data = Data(base64Encoded: text), !data.isEmpty else {
            throw error("\(key) is not base64", at: node, remedy: Self.flatten)
        }
        return Array(data)
    }

    /// Relative paths begin where the file is.
    private func absolute(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return path[...slash] + file
    }

    private func error(_ text: String, at node: Yams.Node? = nil, remedy: String) -> KubeconfigError {
        KubeconfigError(message: "\(place(node)): \(text)", remedy: remedy)
    }

    private func place(_ node: Yams.Node? = nil) -> String { Self.place(path, node?.mark?.line ?? 0) }

    private static func place(_ path: String, _ line: Int) -> String {
        "kubeconfig \(QuotedText.text(path))" + (line > 0 ? ", line \(line)" : "")
    }
}
