import FoundationEssentials
import TapioRings

// Lists and watches.
extension ReflectorLoop {
    /// The most bytes of an answer that is an error.
    private static var mostErrorBytes: Int { 16_384 }

    /// Asks for a page of the list, the first or a further one.
    func list(continuing: String?, limit: Int) {
        if continuing == nil {
            tracker.beginList()
            note({ $0.lists += 1 }, success: false)
        }
        let action = "list \(Object.resource.rawValue)"
        var request = request(action, seconds: settings.pageTimeout / .seconds(1))
        request.stallSeconds = settings.stallTimeout / .seconds(1)
        request.allowsCompression = true
        // All that is wanted of the old ones is the version from which on they are news; but after a gap, those that came in it.
        request.query.append(("limit", wantsOnlyNews && !news.isAfterGap ? "1" : "\(limit)"))
        if let continuing { request.query.append(("continue", continuing)) }

        var body: [UInt8] = []
        let outcome = connection.get(request) { status, bytes in
            guard body.count + bytes.count <= (status == 200 ? settings.mostPageBytes : Self.mostErrorBytes) else {
                return false
            }
            body.append(bytes)
            return true
        }
        switch (outcome.end, outcome.status) {
        case (.cancelled, _): break
        case (.complete, 200): take(page: body, action)
        case (.bodyRefused, 200):
            let reason = "a page of \(limit) has more than \(settings.mostPageBytes) bytes"
            note(error(action, reason, remedy: "smaller pages are tried")) { $0.tooLong += 1 }
            plan.failed(.pageTooLarge)
        default: failed(action, outcome, body: body)
        }
    }

    private func take(page body: [UInt8], _ action: String) {
        let page = try? decoder.decode(ListPage<Object>.self, from: Data(body))
        guard let page, let version = page.metadata.resourceVersion, !version.isEmpty else {
            note(error(action, "the answer is no list", remedy: "check that this is a Kubernetes API server")) {
                $0.malformed += 1
                $0.reconnects += 1
            }
            plan.failed(.broken)
            return
        }
        note({ $0.pages += 1 }, success: true)
        let items = page.items ?? []
        (wantsOnlyNews ? items.filter { news.isNews($0.metadata) } : items).forEach(isPresent)
        let next = wantsOnlyNews && !news.isAfterGap ? nil : page.metadata.continue
        plan.pageEnded(resourceVersion: version, continuing: next)
        guard next ?? "" == "" else { return }
        for key in tracker.endList() { isGone(key, last: nil) }
        news.endList(at: version)
        note({ $0.isSynced = true }, success: true)
        onChange(.synced)
    }

    /// Asks for what changes after a version, and takes it until the server ends it or the connection breaks.
    func watch(from version: String) {
        let action = "watch \(Object.resource.rawValue)"
        let seconds = max(1, (settings.watchTime / .seconds(1) * .random(in: 1..<1.5)).rounded(.down))
        var request = request(action, seconds: seconds + settings.watchGrace / .seconds(1))
        request.query += [
            ("watch", "1"), ("resourceVersion", version), ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", "\(Int(seconds))"),
        ]

        let beginNs = MonotonicClock.monotonicNs
        var splitter = LineSplitter(longest: settings.longestLine)
        var body: [UInt8] = []
        var ending: APIStatus?
        let outcome = connection.get(request) { status, bytes in
            guard status == 200 else {
                guard body.count + bytes.count <= Self.mostErrorBytes else { return false }
                body.append(bytes)
                return true
            }
            if bytes.isEmpty {
                note({ $0.watches += 1 }, success: true)
                return true
            }
            splitter.append(bytes) { line in
                if ending == nil { ending = take(line) }
            }
            return ending == nil
        }

        if let ending {
            failed(
                action,
                status: ending.code ?? 500,
                message: ending.message ?? ending.reason ?? "",
                retryAfterSeconds: ending.details?.retryAfterSeconds ?? 0,
                token: outcome.token
            )
            return
        }
        switch (outcome.end, outcome.status) {
        case (.cancelled, _): break
        case (.complete, 200) where !splitter.isMidLine:
            plan.watchEnded(after: .nanoseconds(Int64(clamping: MonotonicClock.monotonicNs - beginNs)))
        case (.complete, 200):
            note(error(action, "it ended in the middle of a line", remedy: "it is tried again")) { $0.reconnects += 1 }
            plan.failed(.broken)
        default: failed(action, outcome, body: body)
        }
    }

    /// Takes a line of a watch; gives the error that it is, if it is one.
    private func take(_ line: LineSplitter.Line) -> APIStatus? {
        guard case .line(let bytes) = line else {
            let reason = "a line has more than \(settings.longestLine) bytes"
            note(error("watch \(Object.resource.rawValue)", reason)) { $0.tooLong += 1 }
            return nil
        }
        guard !bytes.isEmpty else { return nil }
        guard let change = try? decoder.decode(WatchLine<Object>.self, from: Data(bytes)) else {
            noteMalformed("a line of a watch could not be read")
            return nil
        }
        switch change {
        case .present(let candidate):
            succeeded(at: candidate)
            isPresent(candidate)
        case .gone(let candidate):
            succeeded(at: candidate)
            isGone(candidate)
        case .bookmark(let version):
            note({ $0.bookmarks += 1 }, success: true)
            plan.progressed(to: version)
            news.progressed(to: version)
        case .error(let status): return status
        }
        return nil
    }

    /// Also an object that could not be read moves on the version from which the next watch begins.
    private func succeeded(at candidate: Candidate<Object>) {
        note(success: true)
        guard let metadata = candidate.metadata else { return }
        plan.progressed(to: metadata.resourceVersion)
        news.progressed(to: metadata.resourceVersion)
    }

    private func request(_ action: String, seconds: Double) -> HTTPRequest {
        HTTPRequest(
            action: action,
            path: Object.resource.path,
            query: fieldSelector.map { [("fieldSelector", $0)] } ?? [],
            connectSeconds: settings.connectTimeout / .seconds(1),
            totalSeconds: seconds
        )
    }
}
