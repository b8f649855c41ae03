import Glibc
import TapioAgent
import TapioEvents

/// A bar on standard error for scans that take longer than a second, if a person is there to see it.
struct ScanProgress {
    private let isWanted: Bool
    private let started: Int64
    private var lastDrawn: Int64 = 0

    private static let patienceNs: Int64 = 1_000_000_000
    private static let redrawNs: Int64 = 100_000_000

    init() {
        // A bar among the lines of a result on the same terminal would only be in the way.
        isWanted = isatty(STDERR_FILENO) == 1
        started = ClockOffset.bootNow()
    }

    /// Draws, at most ten times a second.
    mutating func update(done: Int64, of total: Int64, _ what: String) {
        guard isWanted, total > 0 else { return }
        let now = ClockOffset.bootNow()
        guard now - started > ScanProgress.patienceNs, now - lastDrawn > ScanProgress.redrawNs else { return }
        lastDrawn = now
        let columns = TerminalSize(descriptor: STDERR_FILENO)?.columns ?? 80
        StandardError.write("\r" + ScanProgress.line(done: done, of: total, what, columns: columns) + "\u{1b}[K")
    }

    /// Removes the bar, if there is one.
    mutating func clear() {
        if lastDrawn != 0 { StandardError.write("\r\u{1b}[K") }
        lastDrawn = 0
    }

    static func line(done: Int64, of total: Int64, _ what: String, columns: Int) -> String {
        let fraction = min(1, max(0, Double(done) / Double(total)))
        let bar = ProgressBar(fraction: fraction, columns: 24).text
        let text = "\(bar) \(Int(fraction * 100)) %  \(HumanUnits.bytes(done)) of \(HumanUnits.bytes(total))  \(what)"
        return TerminalText.cut(text, to: max(0, columns - 1))
    }
}

/// The bar of an archive's scan, for closures that tell how far it is.
final class ScanBar {
    private var progress = ScanProgress()

    /// Draws, and lets the scan go on.
    func show(_ done: Int, _ total: Int) -> Bool {
        progress.update(done: Int64(done), of: Int64(total), "reading")
        return true
    }

    func clear() { progress.clear() }
}
