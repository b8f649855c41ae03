/// Remembers which objects are known and in which version, to tell what is new, changed, and gone by the next list.
struct ObjectTracker {
    enum Verdict: Equatable {
        case added, updated, unchanged
        /// As many as may be are known already.
        case beyondBound
    }

    private struct Known {
        var key: ObjectKey
        var resourceVersion: String
    }

    /// The most objects that are remembered.
    let most: Int
    private var known: [String: Known] = [:]
    /// The known ones that the list under way has shown; nil while there is none.
    private var shown: Set<String>?

    init(most: Int) {
        self.most = most
    }

    /// Objects known.
    var count: Int { known.count }

    /// A list begins, or begins anew.
    mutating func beginList() {
        shown = []
    }

    /// An object is there.
    mutating func isPresent(_ metadata: ObjectMetadata) -> Verdict {
        let old = known[metadata.uid]
        if old == nil && known.count >= most { return .beyondBound }
        shown?.insert(metadata.uid)
        if let old, !metadata.resourceVersion.isEmpty, old.resourceVersion == metadata.resourceVersion {
            return .unchanged
        }
        known[metadata.uid] = Known(key: ObjectKey(metadata), resourceVersion: metadata.resourceVersion)
        return old == nil ? .added : .updated
    }

    /// An object is there, but could not be read: what is known of it stays.
    mutating func isPresentUnread(_ metadata: ObjectMetadata) {
        if known[metadata.uid] != nil { shown?.insert(metadata.uid) }
    }

    /// An object is gone; says whether it was known.
    mutating func isGone(_ metadata: ObjectMetadata) -> Bool {
        known.removeValue(forKey: metadata.uid) != nil
    }

    /// The list is complete. Gives what was known and is not there any more, and forgets it.
    mutating func endList() -> [ObjectKey] {
        guard let shown else { return [] }
        self.shown = nil
        let vanished = known.filter { !shown.contains($0.key) }
        for uid in vanished.keys { known.removeValue(forKey: uid) }
        return vanished.values.map(\.key)
    }
}
