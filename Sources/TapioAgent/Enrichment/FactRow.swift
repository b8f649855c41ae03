import TapioArchive

/// A table beside the archive with what became known of containers, processes, names, services and pods.
enum FactTable: String, CaseIterable, Sendable {
    case container
    case process
    case dns
    case service
    case pod

    /// Its columns; the numbers are its own.
    var columns: [ParquetColumn] {
        let payload: [(String, ParquetType, Bool)] =
            switch self {
            case .container:
                [
                    ("boot_id", .string, true), ("cgroup_id", .int64, true), ("cgroup_path", .string, false),
                    ("container_id", .string, false), ("container_runtime", .string, false),
                    ("container", .string, false), ("pod_uid", .string, false), ("pod", .string, false),
                    ("namespace", .string, false), ("workload", .string, false), ("service", .string, false),
                    ("unit", .string, false),
                ]
            case .process:
                [
                    ("boot_id", .string, true), ("pid", .int64, true), ("start_ts", .timestampMicros, true),
                    ("ppid", .int64, true), ("comm", .string, false), ("exe", .string, false),
                    ("args", .string, false), ("cwd", .string, false), ("uid", .int64, false),
                    ("cgroup_id", .int64, true), ("ancestry", .string, false),
                    ("parent_start_ts", .timestampMicros, false),
                ]
            case .dns:
                [
                    ("boot_id", .string, true), ("netns", .int64, true), ("address", .string, true),
                    ("name", .string, false),
                ]
            case .service:
                [
                    ("address", .string, true), ("port", .int32, true), ("protocol", .string, true),
                    ("service", .string, false), ("namespace", .string, false), ("kind", .string, false),
                    ("pod", .string, false),
                ]
            case .pod:
                [
                    ("pod_uid", .string, true), ("pod", .string, false), ("namespace", .string, false),
                    ("node", .string, false), ("workload", .string, false), ("service", .string, false),
                    ("pod_ip", .string, false), ("phase", .string, false),
                ]
            }
        let times: [(String, ParquetType, Bool)] = [
            ("valid_from", .timestampMicros, true), ("valid_to", .timestampMicros, false),
        ]
        return (times + payload).enumerated().map { place, column in
            ParquetColumn(name: column.0, type: column.1, isRequired: column.2, fieldID: Int32(place + 1))
        }
    }
}

/// A row of one of them.
struct FactRow: Sendable, Hashable {
    var table: FactTable
    var values: [DimensionValue]

    /// A row that counts from one time, UTC microseconds since 1970, to another; nil: until a later row of the same key.
    init(_ table: FactTable, from: Int64, to: Int64?, _ payload: [DimensionValue]) {
        self.table = table
        values = [.integer(from), to.map { .integer($0) } ?? .null] + payload
    }
}

extension DimensionValue {
    /// A text; null where it is empty or none.
    static func optional(_ text: String?) -> DimensionValue {
        text.flatMap { $0.isEmpty ? nil : .text($0) } ?? .null
    }
}
