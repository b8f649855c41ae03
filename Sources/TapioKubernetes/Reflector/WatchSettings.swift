/// Bounds and times of lists and watches. The defaults suit a cluster; tests make them shorter.
public struct WatchSettings: Sendable, Equatable {
    /// Objects of one page of a list. A page that is too large is asked for again with half of them.
    public var pageLimit = 200
    /// The most bytes of a page, uncompressed.
    public var mostPageBytes = 32 << 20
    /// The most bytes of a line of a watch, which is one object: etcd takes no more than 1.5 MiB.
    public var longestLine = 4 << 20
    /// The most objects that are known of one resource. What comes beyond is counted and left out.
    public var mostObjects = 20_000

    /// To connect.
    public var connectTimeout = Duration.seconds(10)
    /// Without a byte of a list's answer; whole seconds.
    public var stallTimeout = Duration.seconds(30)
    /// For a page as a whole.
    public var pageTimeout = Duration.seconds(120)
    /// How long a watch lasts before the server ends it and the next one begins; up to half as much is added by chance,
    /// so that the agents of a cluster don't do it all at once. Whole seconds.
    public var watchTime = Duration.seconds(300)
    /// How long after its time a silent watch is given up.
    public var watchGrace = Duration.seconds(30)

    /// Before the first retry.
    public var firstRetry = Duration.milliseconds(500)
    /// The longest that failures double it to.
    public var longestRetry = Duration.seconds(30)
    /// Before a retry of what is forbidden or not there: somebody has to change something first.
    public var refusedRetry = Duration.seconds(60)
    /// The longest that a server's Retry-After is followed.
    public var longestRetryAfter = Duration.seconds(300)

    /// The defaults.
    public init() {}
}
