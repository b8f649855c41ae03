import Foundation
import TapioTestSupport

@testable import TapioKubernetes

extension FakeServer {
    /// How to reach it with the right CA and token.
    func settings() throws -> APIServer {
        try APIServer(url: url, caFile: directory.file("ca.crt"), credentials: .tokenFile(directory.file("token")))
    }

    /// What it holds.
    func held<Object: KubernetesObject>(_: Object.Type) throws -> [Object] {
        try JSONDecoder().decode([String: [Object]].self, from: command("dump", ["path": Object.resource.path]))[
            "items"
        ] ?? []
    }
}
