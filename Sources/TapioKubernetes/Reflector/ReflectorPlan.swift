/// Decides what to ask the API server next: list, then watch from there, again and again. Pure: it neither asks nor waits.
struct ReflectorPlan {
    enum Step: Equatable {
        /// Ask for a page; the first where there is no token to continue.
        case list(continuing: String?, limit: Int)
        /// Ask for what changes after a version.
        case watch(from: String)
        /// Do nothing for so long.
        case wait(Duration)
    }

    /// Why something that was asked for was not given.
    enum Failure: Equatable {
        /// The version, or the page, is not kept any more.
        case gone
        /// Who asks is not known; whether there is another token by now.
        case unauthorized(tokenChanged: Bool)
        /// It is forbidden or not there: it will not help to ask again soon.
        case refused
        /// There is too much to do; for how long, where it is said.
        case busy(Duration?)
        /// No answer, half an answer, or an error of the server.
        case broken
        /// A page had too many bytes.
        case pageTooLarge
    }

    private enum Target {
        case list(continuing: String?)
        case watch(from: String)
    }

    private let settings: WatchSettings
    private let backoff: Backoff
    private let chance: () -> Double
    private var target = Target.list(continuing: nil)
    private var pause: Duration?
    private var limit: Int
    /// Failures since the last progress of a watch.
    private var failures = 0
    /// Whether the watch since the last list has brought anything.
    private var hasProgressed = false

    /// - Parameter chance: A number from 0 up to 1, another one each time.
    init(_ settings: WatchSettings, chance: @escaping () -> Double = { .random(in: 0..<1) }) {
        self.settings = settings
        self.chance = chance
        backoff = Backoff(first: settings.firstRetry, longest: settings.longestRetry)
        limit = max(1, settings.pageLimit)
    }

    /// What to do now. What became of it is to be told before the next call.
    mutating func next() -> Step {
        if let pause {
            self.pause = nil
            return .wait(pause)
        }
        return switch target {
        case .list(let continuing): .list(continuing: continuing, limit: limit)
        case .watch(let version): .watch(from: version)
        }
    }

    /// A page came.
    ///
    /// - Parameter continuing: The token for the next one; nil or empty for the last.
    mutating func pageEnded(resourceVersion: String, continuing: String?) {
        if let continuing, !continuing.isEmpty {
            target = .list(continuing: continuing)
        } else {
            target = .watch(from: resourceVersion)
            hasProgressed = false
        }
    }

    /// A watch has come so far.
    mutating func progressed(to resourceVersion: String) {
        guard case .watch = target, !resourceVersion.isEmpty else { return }
        target = .watch(from: resourceVersion)
        failures = 0
        hasProgressed = true
    }

    /// A watch ended as it should. One that ends as soon as it has begun is not asked for again at once.
    mutating func watchEnded(after time: Duration) {
        if time >= settings.firstRetry {
            failures = 0
            hasProgressed = true
        } else {
            pauseAfterFailure()
        }
    }

    /// What was asked for was not given.
    mutating func failed(_ failure: Failure) {
        switch failure {
        case .gone:
            // A server for which each version is gone at once must not be asked for lists without end.
            if !hasProgressed { pauseAfterFailure() }
            target = .list(continuing: nil)
            hasProgressed = false
        case .unauthorized(tokenChanged: true): break
        case .unauthorized(tokenChanged: false), .broken: pauseAfterFailure()
        case .refused: pause = settings.refusedRetry * (0.75 + 0.5 * chance())
        case .busy(let asked):
            pauseAfterFailure()
            if let asked, let pause { self.pause = max(pause, min(asked, settings.longestRetryAfter)) }
        case .pageTooLarge:
            guard limit > 1 else {
                pause = settings.refusedRetry
                return
            }
            limit /= 2
        }
    }

    private mutating func pauseAfterFailure() {
        failures += 1
        pause = backoff.delay(failures: failures, chance: chance())
    }
}
