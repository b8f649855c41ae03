import TapioEvents
import TapioQuery

/// Shows what is added to an archive as it grows: what `cat --follow` and `tail -f` share.
struct ArchiveFollowing {
    /// How often a growing archive is looked at.
    private static let poll = Duration.milliseconds(500)

    let path: String
    let spec: QuerySpec
    let kinds: [String]
    let printer: RowPrinter
    let out: Output

    /// - Parameter kinds: Names of kinds that stand by themselves on the command line, though the filter has them too.
    init(path: String, spec: QuerySpec, kinds: [String], printer: RowPrinter, out: Output) {
        self.path = path
        self.kinds = kinds
        var spec = spec
        spec.limit = nil
        // What just happened is in no table yet, and reading them twice a second would cost more than the rows.
        spec.joins = false
        self.spec = spec
        self.printer = printer
        self.out = out
    }

    /// Returns when so many events were shown; with no limit, it never does.
    ///
    /// - Parameter follower: Knows where to begin, and what was shown before.
    func run(_ follower: ArchiveFollower, limit: Int?) async throws {
        var follower = follower
        var spec = spec
        var left = limit ?? .max
        while true {
            spec.sinceNs = follower.sinceNs
            let question = try ArchiveQuestion(path: path, spec: spec, kinds: kinds)
            _ = try question.engine.forEachRow(question.query) { event in
                guard follower.isNew(event) else { return true }
                try out.line(printer.text(event))
                left -= 1
                return left > 0
            }
            if left <= 0 { return }
            follower.endPass()
            try await Task.sleep(for: Self.poll)
        }
    }
}
