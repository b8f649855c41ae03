import TapioEnrichment

extension StatusReport.Cache {
    /// A cache with what stands behind it.
    init(_ name: String, _ cache: LookupCacheStatistics, _ negative: NegativeCacheStatistics) {
        self.init(name: name)
        hits = cache.hits
        misses = cache.misses
        expired = cache.expired
        contended = cache.contended
        evictions = cache.evictions
        capacity = cache.capacity
        negativeHits = negative.hits
        negativeExpired = negative.expired
        negativeEvictions = negative.evictions
        filtered = negative.filtered
        falsePositives = negative.falsePositives
        filterRebuilds = negative.rebuilds
    }
}
