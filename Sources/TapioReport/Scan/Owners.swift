import TapioQuery

/// Whose process each row of a row group is: namespace/pod, container or unit, as numbers that are made when they are met.
struct Owners {
    /// The columns that it looks at.
    static let columns: Set = ["pod", "namespace", "container", "unit"]

    /// Reads those of a row group that its rows need: where each has a pod, nobody asks for container and unit. Throws where
    /// one is damaged.
    static func read(_ columns: inout GroupColumns) throws {
        try columns.read(["pod", "namespace"])
        if columns.isWhole("pod") { return }
        try columns.read(["container"])
        if !columns.isWhole("container") { try columns.read(["unit"]) }
    }

    private let pods: GroupColumns.Texts?
    private let namespaces: GroupColumns.Texts?
    private let containers: GroupColumns.Texts?
    private let units: GroupColumns.Texts?
    private var numbers: [UInt64: UInt32] = [:]
    private var last: (key: UInt64, number: UInt32) = (0, 0)
    /// By number; 0 is nobody.
    private(set) var names = [""]

    init(_ columns: GroupColumns) {
        pods = columns.texts("pod")
        namespaces = columns.texts("namespace")
        containers = columns.texts("container")
        units = columns.texts("unit")
    }

    /// The number of a row's owner.
    @inline(__always)
    mutating func number(_ row: Int) -> UInt32 {
        var key: UInt64 = 0
        if let pod = pods?.entry(row) {
            key = 1 << 62 | UInt64(pod) << 31 | UInt64((namespaces?.entry(row)).map { $0 &+ 1 } ?? 0)
        } else if let container = containers?.entry(row) {
            key = 2 << 62 | UInt64(container)
        } else if let unit = units?.entry(row) {
            key = 3 << 62 | UInt64(unit)
        }
        if key == 0 { return 0 }
        if key == last.key { return last.number }
        if let known = numbers[key] {
            last = (key, known)
            return known
        }
        let number = UInt32(names.count)
        names.append(name(row))
        numbers[key] = number
        last = (key, number)
        return number
    }

    /// The name of a row's owner.
    mutating func name(of row: Int) -> String { names[Int(number(row))] }

    private func name(_ row: Int) -> String {
        if let pod = pods?.text(row) {
            return namespaces?.text(row).map { $0 + "/" + pod } ?? pod
        }
        return containers?.text(row) ?? units?.text(row) ?? ""
    }
}
