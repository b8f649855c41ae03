import TapioBPF
import TapioEvents

/// Finds cgroups whose memory is near its limit, and says when to tell of them: when they get there, then once a minute.
struct CgroupMemoryUsage {
    /// What a cgroup's files say.
    struct Reading: Equatable {
        /// From its hierarchy's root.
        var path: String
        /// Inode of its directory.
        var id: UInt64
        var usageBytes: UInt64
        var limitBytes: UInt64
        /// Nil where the kernel doesn't tell.
        var anonymousBytes: UInt64?
        var cacheBytes: UInt64?
    }

    /// How often a cgroup is told of that stays near its limit, ns.
    static let repeatNs: Int64 = 60_000_000_000

    /// A limit from here on is none: version 1 writes the most that the kernel can count.
    private static let unlimited: UInt64 = 1 << 62

    private let tree: CgroupTree?
    /// When a cgroup was last told of, by id; only those that were near their limit when they were last looked at.
    private var toldNs: [UInt64: Int64] = [:]

    /// Of the cgroups of this machine, or of a tree of files that is like one.
    init(mounts: String = ProcFile.read("/proc/self/mounts") ?? "") {
        tree = CgroupTree(of: "memory", mounts: mounts)
    }

    /// The cgroups to tell of now. O(cgroups), two files each.
    mutating func look(nowNs: Int64, atLeastPercent percent: Int) -> [Reading] {
        guard let tree else { return [] }
        var near: [UInt64: Int64] = [:]
        var found: [Reading] = []
        for path in tree.paths().paths {
            guard let (usage, limit) = Self.level(of: path, in: tree),
                UInt128(usage) * 100 >= UInt128(limit) * UInt128(percent),
                let id = tree.inode(of: path)
            else { continue }
            if let told = toldNs[id], nowNs - told < Self.repeatNs {
                near[id] = told
                continue
            }
            near[id] = nowNs
            let parts = Self.parts(tree.read("memory.stat", of: path) ?? "")
            found.append(
                Reading(
                    path: path,
                    id: id,
                    usageBytes: usage,
                    limitBytes: limit,
                    anonymousBytes: parts.anonymous,
                    cacheBytes: parts.cache
                )
            )
        }
        toldNs = near
        return found
    }

    /// Usage and limit; nil for one that has no limit, or uses nothing.
    private static func level(of path: String, in tree: CgroupTree) -> (usage: UInt64, limit: UInt64)? {
        let (usageFile, limitFile) =
            tree.version == 1
            ? ("memory.usage_in_bytes", "memory.limit_in_bytes") : ("memory.current", "memory.max")
        // Version 2 writes "max" where there is none.
        guard let limit = number(tree.read(limitFile, of: path)), limit < unlimited,
            let usage = number(tree.read(usageFile, of: path)), usage > 0
        else { return nil }
        return (usage, limit)
    }

    /// Lines of a name and a number; version 1 has others for a cgroup with all below it.
    private static func parts(_ text: String) -> (anonymous: UInt64?, cache: UInt64?) {
        var parts: (anonymous: UInt64?, cache: UInt64?) = (nil, nil)
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2 else { continue }
            switch fields[0] {
            case "anon", "total_rss": parts.anonymous = UInt64(fields[1])
            case "file", "total_cache": parts.cache = UInt64(fields[1])
            default: break
            }
        }
        return parts
    }

    private static func number(_ text: String?) -> UInt64? {
        text?.split(separator: "\n").first.flatMap { UInt64($0) }
    }
}

extension CgroupMemoryUsage.Reading {
    /// As a record of memory_usage.
    var record: [UInt8] {
        var usage = tapio_memory_usage()
        usage.header = tapio_header(cgroupID: id)
        usage.usage_bytes = usageBytes
        usage.limit_bytes = limitBytes
        usage.anonymous_bytes = anonymousBytes ?? .max
        usage.cache_bytes = cacheBytes ?? .max
        var builder = RecordBuilder(usage, EventKind(Int(TAPIO_KIND_MEMORY_USAGE)), .normal)
        builder.append(path.utf8, at: offset(\tapio_memory_usage.path))
        return builder.bytes
    }
}
