/// What became of the objects of a resource.
public enum ObjectChange<Object: KubernetesObject>: Sendable, Equatable {
    /// It was not known before.
    case added(Object)
    /// It was known in another version.
    case updated(Object)
    /// It is gone; `last` is how it ended, or nil where its end was missed and a new list found it gone.
    case deleted(ObjectKey, last: Object?)
    /// A list is complete: what was delivered up to now is what there is.
    case synced
}
