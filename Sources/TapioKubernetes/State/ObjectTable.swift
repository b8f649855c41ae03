/// The objects of one resource by UID, bounded.
struct ObjectTable<Object: KubernetesObject>: Sendable {
    private(set) var objects: [String: Object] = [:]
    private(set) var beyondBound: UInt64 = 0
    var isSynced = false

    /// Keeps an object. Gives what it replaces, and whether it was kept: a new one is not where `most` are there.
    mutating func keep(_ object: Object, most: Int) -> (old: Object?, isKept: Bool) {
        let uid = object.metadata.uid
        let old = objects[uid]
        guard old != nil || objects.count < most else {
            beyondBound += 1
            return (nil, false)
        }
        objects[uid] = object
        return (old, true)
    }

    mutating func remove(_ uid: String) -> Object? {
        objects.removeValue(forKey: uid)
    }
}
