import TapioEvents

/// Turns what was counted into names.
struct TopRankings {
    let table: EnrichmentTable
    /// Entries of each ranking.
    let limit: Int

    func processes(_ counted: FrequentItems<TopCounter.ProcessKey>) -> TopReading.Ranking {
        ranking(counted) { key, item in
            TopReading.Entry(
                name: Self.text(of: key.command),
                pid: Int32(truncatingIfNeeded: key.pid),
                detail: owner(item.note),
                events: item.sum
            )
        }
    }

    func commands(_ counted: FrequentItems<TopCounter.CommandKey>) -> TopReading.Ranking {
        ranking(counted) { key, item in TopReading.Entry(name: Self.text(of: key), events: item.sum) }
    }

    /// A pod has a cgroup for each of its containers: they are added up.
    func owners(_ counted: FrequentItems<UInt64>) -> TopReading.Ranking {
        var byName: [String: TopReading.Entry] = [:]
        for (cgroup, item) in counted.items {
            let name = owner(item.note) ?? "cgroup \(cgroup)"
            var entry = byName[name] ?? TopReading.Entry(name: name, events: 0)
            entry.events += item.sum
            entry.error += counted.error
            byName[name] = entry
        }
        return ranking(Array(byName.values), counted.error)
    }

    func peers(_ counted: FrequentItems<TopCounter.PeerKey>) -> TopReading.Ranking {
        ranking(counted) { key, item in
            let id = item.note
            let service = table.services[id.service]
            let known = service.isEmpty ? table.names[id.name] : service
            return TopReading.Entry(
                name: Self.text(of: key),
                detail: known.isEmpty ? nil : String(decoding: known, as: UTF8.self),
                events: item.sum
            )
        }
    }

    private func ranking<Key>(
        _ counted: FrequentItems<Key>,
        _ entry: (Key, FrequentItems<Key>.Item) -> TopReading.Entry
    ) -> TopReading.Ranking {
        // Names cost more than numbers: only those that are shown get one.
        let greatest = counted.items.sorted { $0.value.sum > $1.value.sum }.prefix(limit + 1)
        let entries = greatest.map { key, item in
            var entry = entry(key, item)
            entry.error = counted.error
            return entry
        }
        return ranking(entries, counted.error)
    }

    private func ranking(_ entries: [TopReading.Entry], _ error: Double) -> TopReading.Ranking {
        let sorted = entries.sorted { ($1.events, $0.identity) < ($0.events, $1.identity) }
        var ranking = TopReading.Ranking()
        ranking.entries = Array(sorted.prefix(limit))
        // The first that the answer has no place for has more than all that follow.
        ranking.unseen = sorted.count > limit ? sorted[limit].events + error : error
        return ranking
    }

    /// `namespace/pod`, `docker 0123456789ab` or `ssh.service`; nil where nobody is known.
    private func owner(_ id: EnrichmentID) -> String? {
        guard Int(id.owner) < table.entries.count else { return nil }
        let entry = table.entries[Int(id.owner)]
        func text(_ column: EnrichmentColumn) -> String { String(decoding: entry[column.rawValue], as: UTF8.self) }
        let pod = text(.pod)
        if !pod.isEmpty { return "\(text(.namespace))/\(pod)" }
        let uid = text(.podUID)
        if !uid.isEmpty { return "pod \(uid)" }
        let container = text(.containerID)
        if !container.isEmpty {
            let runtime = text(.containerRuntime)
            return "\(runtime.isEmpty ? "container" : runtime) \(container.prefix(12))"
        }
        let unit = text(.unit)
        return unit.isEmpty ? nil : unit
    }

    private static func text(of key: TopCounter.CommandKey) -> String {
        let bytes = Self.bytes(of: key.first) + Self.bytes(of: key.second)
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func text(of key: TopCounter.PeerKey) -> String {
        let bytes = Self.bytes(of: key.address.first) + Self.bytes(of: key.address.second)
        let host = String(decoding: RecordText.ipAddress(bytes), as: UTF8.self)
        if key.port == 0 { return host }
        return host.contains(":") ? "[\(host)]:\(key.port)" : "\(host):\(key.port)"
    }

    /// In the order in which they lie in memory.
    private static func bytes(of word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word.littleEndian >> UInt64($0 * 8)) }
    }
}
