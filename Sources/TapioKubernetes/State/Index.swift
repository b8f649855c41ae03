/// Which objects, by UID, have a key. Where several have it, as for a moment when an address goes from one pod to the
/// next, the last one to come counts, and when it goes, the one before. Bounded.
struct Index<Key: Hashable & Sendable>: Sendable {
    private var first: [Key: String] = [:]
    /// Of keys that several have, the others, oldest first. Hardly ever any.
    private var older: [Key: [String]] = [:]
    private(set) var beyondBound: UInt64 = 0
    /// The most objects that can have one key; the oldest make room.
    private static var mostSharers: Int { 16 }

    /// Keys that there are.
    var count: Int { first.count }

    subscript(key: Key) -> String? { first[key] }

    mutating func insert(_ key: Key, _ uid: String, most: Int) {
        guard let current = first[key] else {
            guard first.count < most else {
                beyondBound += 1
                return
            }
            first[key] = uid
            return
        }
        guard current != uid else { return }
        first[key] = uid
        var others = (older[key] ?? []).filter { $0 != uid } + [current]
        if others.count >= Self.mostSharers {
            others.removeFirst()
            beyondBound += 1
        }
        older[key] = others
    }

    mutating func remove(_ key: Key, _ uid: String) {
        var others = older[key] ?? []
        if first[key] == uid {
            first[key] = others.popLast()
        } else {
            others.removeAll { $0 == uid }
        }
        older[key] = others.isEmpty ? nil : others
    }

    /// An object has other keys than before.
    mutating func replace(_ old: [Key], by new: [Key], _ uid: String, most: Int) {
        guard old != new else { return }
        for key in old where !new.contains(key) { remove(key, uid) }
        for key in new { insert(key, uid, most: most) }
    }
}
