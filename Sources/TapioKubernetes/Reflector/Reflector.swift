public import TapioRings

/// Keeps up with the objects of one resource: a list, then a watch from there, for as long as it lives.
///
/// It has a thread of its own. Errors never end it: they are counted, kept for ``statistics``, and what failed is tried
/// again after a while, which doubles with each failure in a row.
public final class Reflector<Object: KubernetesObject>: Sendable {
    private let connection: HTTPConnection
    private let counters: Guarded<ResourceStatistics>
    private let thread: PinnedThread

    /// Starts.
    ///
    /// - Parameters:
    ///   - server: Whom to ask.
    ///   - fieldSelector: Restricts the objects, such as `spec.nodeName=<node>`; nil: all of them.
    ///   - settings: Bounds and times.
    ///   - onChange: Gets each change in order, on the reflector's thread. While it runs nothing more is read: nothing is
    ///     queued, and nothing lost. It must not call ``stop()``.
    /// - Throws: If there can be no thread.
    public init(
        server: APIServer,
        fieldSelector: String? = nil,
        settings: WatchSettings = WatchSettings(),
        onChange: @escaping @Sendable (ObjectChange<Object>) -> Void
    ) throws(ThreadError) {
        let connection = HTTPConnection(to: server)
        let counters = Guarded(ResourceStatistics())
        self.connection = connection
        self.counters = counters
        let name = String("k8s-\(Object.resource.rawValue)".prefix(PinnedThread.longestName))
        thread = try PinnedThread(name: name) {
            ReflectorLoop<Object>(
                connection: connection,
                fieldSelector: fieldSelector,
                settings: settings,
                counters: counters,
                onChange: onChange
            ).run()
        }
    }

    deinit {
        // The thread has its own hold on all that it uses until it is gone.
        connection.cancel()
    }

    /// Ends requests and waits at once, and returns when the thread is gone: no change is delivered after that.
    public func stop() {
        connection.cancel()
        thread.join()
    }

    /// What has become of lists and watches; any thread may ask.
    public var statistics: ResourceStatistics { counters.withLock { $0 } }
}
