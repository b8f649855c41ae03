import TapioRings
import TapioTestSupport
import Testing

@testable import TapioKubernetes

/// Collects what a reflector delivers.
final class Changes<Object: KubernetesObject>: Sendable {
    private let collected = Guarded<[ObjectChange<Object>]>([])

    /// What came up to now.
    var all: [ObjectChange<Object>] { collected.withLock { $0 } }

    /// Starts a reflector that delivers here.
    func reflect(
        _ server: APIServer,
        selecting selector: String? = nil,
        _ adjust: (inout WatchSettings) -> Void = { _ in }
    ) throws -> Reflector<Object> {
        let collected = collected
        return try Reflector(server: server, fieldSelector: selector, settings: .quick(adjust)) { change in
            collected.withLock { $0.append(change) }
        }
    }

    /// Each change in a word: "+web", "~web", "-web", "synced".
    var words: [String] {
        all.map { change in
            switch change {
            case .added(let object): "+" + object.metadata.name
            case .updated(let object): "~" + object.metadata.name
            case .deleted(let key, let last): "-" + key.name + (last == nil ? "?" : "")
            case .synced: "synced"
            }
        }
    }
}

extension WatchSettings {
    /// Retries within milliseconds.
    static func quick(_ adjust: (inout WatchSettings) -> Void = { _ in }) -> WatchSettings {
        var settings = WatchSettings()
        settings.firstRetry = .milliseconds(5)
        settings.longestRetry = .milliseconds(50)
        settings.refusedRetry = .milliseconds(50)
        adjust(&settings)
        return settings
    }
}

/// Waits until something is so; at most half a minute, and then says what was not.
func until(
    _ what: Comment,
    _ isSo: () throws -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    for _ in 0..<6_000 {
        if try isSo() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record(what, sourceLocation: sourceLocation)
    throw FakeServerFailure(description: "never: \(what)")
}
