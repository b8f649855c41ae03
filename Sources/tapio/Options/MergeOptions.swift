import ArgumentParser
import TapioArchive
import TapioEvents

/// How segments are merged: for `merge` and `compact`.
struct MergeOptions: ParsableArguments {
    @Option(
        name: .customLong("order"),
        help: ArgumentHelp(
            "Rows within a row group: by time (merge's default), or by kind, cgroup and process (compact's), which is smaller.",
            valueName: "time|kind"
        )
    )
    var orderName: String?

    @Option(help: ArgumentHelp("zstd's level, 1 to 19. Default: 6; compact: 9.", valueName: "n"))
    var level: Int32?

    @Option(
        help: ArgumentHelp("A merged segment has so many bytes at most, as its originals count.", valueName: "size")
    )
    var size = "256MiB"

    var order: RowOrder? { orderName.flatMap { RowOrder(rawValue: $0) } }
    var sizeBytes: Int64 { HumanUnits.byteCount(size) ?? 256 << 20 }

    func validate() throws {
        if let orderName, order == nil { throw ValidationError("--order \(orderName): time or kind") }
        if let level, !(1...19).contains(level) { throw ValidationError("--level \(level): from 1 to 19") }
        guard let bytes = HumanUnits.byteCount(size), bytes >= 1 << 20 else {
            throw ValidationError("--size \(size): a size of at least 1MiB, such as 256MiB")
        }
    }
}
