import NIOCore
import Synchronization

/// The connections of a server: no more than a number, the newest always among them unless all others are being answered.
final class ConnectionRegister: Sendable {
    private struct Entry {
        let channel: any Channel
        /// Since when the client has kept the server waiting; nil while the server works for it.
        var waitingSince: NIODeadline?
    }

    private let limit: Int
    private let statistics: HTTPServerStatistics
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    init(limit: Int, statistics: HTTPServerStatistics) {
        self.limit = limit
        self.statistics = statistics
    }

    /// Takes a connection in; false where there is no place for it.
    func admit(_ channel: any Channel) -> Bool {
        statistics.countConnection()
        let (isAdmitted, evicted) = entries.withLock { entries -> (Bool, (any Channel)?) in
            var evicted: (any Channel)?
            if entries.count >= limit {
                let waiting = entries.filter { $0.value.waitingSince != nil }
                guard let longest = waiting.min(by: { $0.value.waitingSince! < $1.value.waitingSince! }) else {
                    return (false, nil)
                }
                evicted = longest.value.channel
                entries[longest.key] = nil
            }
            entries[ObjectIdentifier(channel)] = Entry(channel: channel, waitingSince: .now())
            return (true, evicted)
        }
        if let evicted {
            statistics.count(.evicted)
            evicted.close(promise: nil)
        }
        if !isAdmitted { statistics.count(.refused) }
        return isAdmitted
    }

    /// The client has to send or to read now.
    func setWaiting(_ channel: any Channel) { set(channel, .now()) }

    /// The server works for it now.
    func setWorking(_ channel: any Channel) { set(channel, nil) }

    func remove(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)] = nil }
    }

    /// Closes all of them.
    func closeAll() {
        let channels = entries.withLock { $0.values.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }

    private func set(_ channel: any Channel, _ since: NIODeadline?) {
        entries.withLock { $0[ObjectIdentifier(channel)]?.waitingSince = since }
    }
}
