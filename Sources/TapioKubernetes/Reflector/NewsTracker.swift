/// Remembers how far one has heard of a resource of which only news count, so that a list after a gap tells what came in it,
/// and nothing twice.
///
/// It compares versions, which are numbers that grow wherever etcd stands behind the server; where they are none, a list
/// tells nothing, and what came in the gap is missed.
struct NewsTracker {
    /// The most objects that a list tells.
    let most: Int
    /// The newest version that was heard of; nil before the first list.
    private var newest: UInt64?
    /// Objects that the list under way has told, by UID: it may begin anew.
    private var told: Set<String> = []

    init(most: Int) {
        self.most = most
    }

    /// Whether the next list is not the first.
    var isAfterGap: Bool { newest != nil }

    /// Whether a listed object is news.
    mutating func isNews(_ metadata: ObjectMetadata?) -> Bool {
        guard let newest, let metadata, let version = UInt64(metadata.resourceVersion), version > newest,
            told.count < most
        else { return false }
        return told.insert(metadata.uid).inserted
    }

    /// A list is complete: all up to its version is known.
    mutating func endList(at version: String) {
        told = []
        newest = UInt64(version)
    }

    /// A watch has come so far.
    mutating func progressed(to version: String) {
        if let version = UInt64(version) { newest = version }
    }
}
