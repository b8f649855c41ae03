import FoundationEssentials
import TapioRings

/// What a reflector's thread does: carries out its plan, and tells the plan what became of it.
final class ReflectorLoop<Object: KubernetesObject> {
    let connection: HTTPConnection
    let fieldSelector: String?
    let settings: WatchSettings
    let counters: Guarded<ResourceStatistics>
    let onChange: @Sendable (ObjectChange<Object>) -> Void
    let decoder = JSONDecoder()
    var plan: ReflectorPlan
    var tracker: ObjectTracker
    var news: NewsTracker

    /// Of a resource like events, only what happens from now on counts: what was there before is not fetched, and what came
    /// is not remembered.
    var wantsOnlyNews: Bool { Object.resource == .events }

    init(
        connection: HTTPConnection,
        fieldSelector: String?,
        settings: WatchSettings,
        counters: Guarded<ResourceStatistics>,
        onChange: @escaping @Sendable (ObjectChange<Object>) -> Void
    ) {
        self.connection = connection
        self.fieldSelector = fieldSelector
        self.settings = settings
        self.counters = counters
        self.onChange = onChange
        plan = ReflectorPlan(settings)
        tracker = ObjectTracker(most: settings.mostObjects)
        news = NewsTracker(most: settings.mostObjects)
    }

    /// Returns once the connection was cancelled.
    func run() {
        while connection.wait(.zero) {
            switch plan.next() {
            case .list(let continuing, let limit): list(continuing: continuing, limit: limit)
            case .watch(let version): watch(from: version)
            case .wait(let duration):
                guard connection.wait(duration) else { return }
            }
        }
    }

    // MARK: What objects become

    /// An object that was listed, or that a watch shows as new or changed.
    func isPresent(_ candidate: Candidate<Object>) {
        guard let object = candidate.object else {
            if let metadata = candidate.metadata { tracker.isPresentUnread(metadata) }
            noteMalformed("an object could not be read" + (candidate.metadata.map { ": \($0.name)" } ?? ""))
            return
        }
        guard !wantsOnlyNews else {
            counters.withLock { $0.added += 1 }
            onChange(.added(object))
            return
        }
        let verdict = tracker.isPresent(object.metadata)
        let count = tracker.count
        counters.withLock { counters in
            counters.objects = count
            switch verdict {
            case .added: counters.added += 1
            case .updated: counters.updated += 1
            case .unchanged: counters.unchanged += 1
            case .beyondBound: counters.beyondBound += 1
            }
        }
        switch verdict {
        case .added: onChange(.added(object))
        case .updated: onChange(.updated(object))
        case .unchanged, .beyondBound: break
        }
    }

    /// An object whose end a watch shows. Its metadata is enough.
    func isGone(_ candidate: Candidate<Object>) {
        guard let metadata = candidate.metadata else {
            noteMalformed("an object that is gone could not be read")
            return
        }
        // Events expire: that is no news.
        guard !wantsOnlyNews, tracker.isGone(metadata) else { return }
        isGone(ObjectKey(metadata), last: candidate.object)
    }

    /// An object is known to be gone.
    func isGone(_ key: ObjectKey, last: Object?) {
        let count = tracker.count
        counters.withLock {
            $0.deleted += 1
            $0.objects = count
        }
        onChange(.deleted(key, last: last))
    }

    // MARK: What is noted

    func note(_ count: (inout ResourceStatistics) -> Void = { _ in }, success: Bool) {
        counters.withLock { counters in
            count(&counters)
            if success { counters.lastSuccessNs = MonotonicClock.realtimeNs }
        }
    }

    func note(_ error: KubernetesError, _ count: (inout ResourceStatistics) -> Void = { _ in }) {
        counters.withLock { counters in
            count(&counters)
            counters.lastError = error
            counters.lastErrorNs = MonotonicClock.realtimeNs
        }
    }

    func noteMalformed(_ reason: String) {
        note(error("read \(Object.resource.rawValue)", reason)) { $0.malformed += 1 }
    }

    func error(_ action: String, _ reason: String, remedy: String = "it is left out") -> KubernetesError {
        KubernetesError(action: action, place: place, reason: reason, remedy: remedy)
    }

    var place: String { connection.server.url + Object.resource.path }

    // MARK: What failures mean

    /// Notes why an answer is not what was asked for, and tells the plan.
    ///
    /// - Parameter body: What came with an HTTP status that is an error.
    func failed(_ action: String, _ outcome: HTTPOutcome, body: [UInt8]) {
        if outcome.status < 400, case .failed(let error) = outcome.end {
            note(error) { $0.reconnects += 1 }
            plan.failed(.broken)
            return
        }
        let status = try? decoder.decode(APIStatus.self, from: Data(body))
        failed(
            action,
            status: outcome.status,
            message: status?.message ?? "",
            retryAfterSeconds: outcome.retryAfterSeconds > 0
                ? outcome.retryAfterSeconds : status?.details?.retryAfterSeconds ?? 0,
            token: outcome.token
        )
    }

    /// Likewise, for a status, of HTTP or in a watch's error.
    func failed(_ action: String, status: Int, message: String, retryAfterSeconds: Int, token: String?) {
        let error = KubernetesError(
            action: action,
            place: place,
            status: status,
            message: message,
            retryAfterSeconds: retryAfterSeconds
        )
        note(error) { counters in
            if status == 410 { counters.relists += 1 } else { counters.reconnects += 1 }
        }
        switch status {
        case 410: plan.failed(.gone)
        case 401: plan.failed(.unauthorized(tokenChanged: tokenHasChanged(since: token)))
        case 429, 503: plan.failed(.busy(retryAfterSeconds > 0 ? .seconds(retryAfterSeconds) : nil))
        case 400..<500: plan.failed(.refused)
        default: plan.failed(.broken)
        }
    }

    private func tokenHasChanged(since old: String?) -> Bool {
        guard case .tokenFile(let path) = connection.server.credentials,
            let new = try? BearerToken(path: path).read()
        else { return false }
        return new != old
    }
}
