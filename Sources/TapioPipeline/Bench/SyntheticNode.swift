import Glibc
import TapioBPF
import TapioEvents

/// A node that exists only in memory, and its events: 140 containers with 4,000 processes that open and close connections,
/// fork, run programs and exit. The same seed gives the same events.
///
/// Activity is uneven, as on real nodes: the process of rank r is 1/r as busy as the first (Zipf), and each talks to four
/// services and four clients. Of 100 events 45 are connections opened, accepted and closed, 40 processes that fork, exec and exit,
/// 15 trouble of TCP. Containers started one after another, so the pids of one are neighbours, and most of its processes run
/// one program.
struct SyntheticNode {
    struct Program {
        var path: [UInt8]
        var comm: [UInt8]
        var arguments: [[UInt8]]
        var inode: UInt64
        /// Threads that talk TCP; 1 is the main thread.
        var threadCount: Int
    }

    struct Process {
        var pid: UInt32
        var parent: UInt32
        var container: Int
        var program: Int
        /// Places in ``SyntheticNode/services``, busiest first, that it connects to, and that connect to it.
        var services: [Int]
        var clients: [Int]
    }

    struct Container {
        var cgroup: UInt64
        var netns: UInt32
        var address: UInt32
        /// Where it listens.
        var port: UInt16
        var uid: UInt32
    }

    static let containerCount = 140
    static let processCount = 4_000
    static let serviceCount = 300

    var random: BenchmarkRandom
    let programs: [Program]
    let containers: [Container]
    let processes: [Process]
    /// Places in `processes`, busiest first: activity has nothing to do with age.
    private let processesByRank: [Int]
    /// Addresses and ports that processes talk to, and their round-trip times in µs.
    let services: [(address: UInt32, port: UInt16, roundTripUs: UInt32)]
    /// What is known of the containers; container n has the id n + 1.
    let enrichment: EnrichmentTable

    init(seed: UInt64) {
        var random = BenchmarkRandom(seed: seed)
        programs = SyntheticNode.templates.enumerated().map { index, line in
            let words = line.split(separator: " ").map { Array(String($0).utf8) }
            let name = words[0].split(separator: UInt8(ascii: "/")).last ?? []
            return Program(
                path: words[0],
                comm: Array(name.prefix(15)),
                arguments: words,
                inode: 131_072 + UInt64(index) * 37,
                threadCount: name.elementsEqual("java".utf8) ? 16 : 1
            )
        }
        let namespaces = ["default", "kube-system", "monitoring", "shop", "payments", "search"]
        var entries: [EnrichmentTable.Entry] = []
        containers = (0..<SyntheticNode.containerCount).map { index in
            let service = "service-\(index % 40)"
            let id = (0..<4).map { _ in RecordText.hex(random.next()) }.joined()
            let pod =
                "\(service)-\(RecordText.hex(random.next()).prefix(10))-\(RecordText.hex(random.next()).prefix(5))"
            entries.append([id, pod, namespaces[index % namespaces.count], service].map { Array($0.utf8) })
            return Container(
                cgroup: 7_000 + UInt64(index) * 13,
                netns: 4_026_532_000 + UInt32(index / 2) * 60,
                address: 0x0af4_0000 + UInt32(index) + 2,
                port: SyntheticNode.ports[index % SyntheticNode.ports.count],
                uid: index % 3 == 0 ? 0 : 1000 + UInt32(index % 20)
            )
        }
        enrichment = EnrichmentTable(entries: entries)
        services = (0..<SyntheticNode.serviceCount).map { index in
            (
                0x0a60_0000 + UInt32(random.below(60_000)), SyntheticNode.ports[index % SyntheticNode.ports.count],
                80 + UInt32(random.below(4_000))
            )
        }
        let mainPrograms = (0..<SyntheticNode.containerCount).map { _ in random.below(SyntheticNode.templates.count) }
        var all: [Process] = []
        var pid: UInt32 = 2_000
        var firstPid: UInt32 = 0
        for index in 0..<SyntheticNode.processCount {
            let container = index * SyntheticNode.containerCount / SyntheticNode.processCount
            let isFirst = all.last?.container != container
            // Some in between have ended.
            pid += 1 + UInt32(random.below(6))
            if isFirst { firstPid = pid }
            all.append(
                Process(
                    pid: pid,
                    parent: isFirst ? 1_500 + UInt32(container) : firstPid,
                    container: container,
                    program: random.below(5) > 0
                        ? mainPrograms[container] : random.below(SyntheticNode.templates.count),
                    services: (0..<4).map { _ in random.busy(SyntheticNode.serviceCount) },
                    clients: (0..<4).map { _ in random.busy(SyntheticNode.serviceCount) }
                )
            )
            // Threads take pids as well.
            pid += 16
        }
        processes = all
        var ranks = Array(0..<SyntheticNode.processCount)
        for index in ranks.indices.dropFirst() { ranks.swapAt(index, random.below(index + 1)) }
        processesByRank = ranks
        self.random = random
    }

    /// A process, the busy ones more often.
    mutating func busyProcess() -> Int { processesByRank[random.busy(SyntheticNode.processCount)] }

    private static let ports: [UInt16] = [443, 5432, 6379, 8080, 9092, 80, 3306, 53]

    /// A `#` becomes a number that differs from event to event.
    private static let templates = [
        "/usr/bin/bash -c /opt/app/run.sh", "/usr/bin/python3 /srv/worker.py --queue=default --job=#",
        "/usr/sbin/nginx -g daemon_off", "/usr/bin/curl -sf http://127.0.0.1:8080/healthz", "/bin/sh -c exit_0",
        "/usr/bin/node /app/server.js --port 3000", "/usr/bin/git fetch --prune origin", "/usr/bin/sleep 1",
        "/usr/lib/jvm/java-21/bin/java -Xmx512m -jar /app/service.jar", "/usr/bin/cat /proc/meminfo",
        "/usr/local/bin/redis-cli -h redis-0 ping", "/usr/bin/grep -q ready /tmp/state", "/pause",
        "/usr/bin/psql -h db -U app -c select_#", "/usr/bin/find /var/cache -mtime +7 -delete",
        "/usr/local/bin/probe --target=10.244.0.# --timeout=2s",
    ]
}

/// Random numbers that can be repeated (SplitMix64).
struct BenchmarkRandom {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// 0 ..< limit.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    /// 0 ..< limit, each n with a probability of about 1/(n + 1).
    mutating func busy(_ limit: Int) -> Int {
        let fraction = Double(next() >> 11) / Double(1 << 53)
        return min(limit, Int(pow(Double(limit + 1), fraction))) - 1
    }

    /// A number whose logarithm is normally distributed with the deviation `sigma`, as lifetimes and sizes mostly are.
    mutating func logNormal(median: Double, sigma: Double) -> UInt64 {
        let first = Double(next() >> 11 | 1) / Double(1 << 53)
        let second = Double(next() >> 11) / Double(1 << 53)
        let normal = (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
        return UInt64(min(median * exp(sigma * normal), 1e15))
    }

    /// A number whose magnitude varies as well: below `limit`, small ones far more often.
    mutating func skewed(_ limit: UInt64) -> UInt64 {
        let bits = UInt64(64 - limit.leadingZeroBitCount)
        return next() % limit >> (next() % bits)
    }
}
