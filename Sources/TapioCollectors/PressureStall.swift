/// Pressure stall information: how much of the time threads waited for something (Documentation/accounting/psi.rst).
struct PressureStall: Equatable {
    /// How long they waited.
    struct Waiting: Equatable {
        /// Share of the last ten seconds, in hundredths of a percent: as the kernel writes it.
        var hundredths: UInt32
        /// In all, since the cgroup was made or the machine started.
        var totalNs: UInt64
    }

    /// Some threads waited.
    var some: Waiting
    /// All that had work waited.
    var full: Waiting

    /// Reads a file such as /proc/pressure/memory; nil where it is no such text.
    init?(_ text: String) {
        var lines: [Substring: Waiting] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let name = words.first, let waiting = Self.waiting(words.dropFirst()) else { return nil }
            lines[name] = waiting
        }
        guard let some = lines["some"], let full = lines["full"] else { return nil }
        self.some = some
        self.full = full
    }

    /// "avg10=0.12 avg60=0.00 avg300=0.00 total=59508", the total in microseconds.
    private static func waiting(_ words: ArraySlice<Substring>) -> Waiting? {
        var values: [Substring: Substring] = [:]
        for word in words {
            let parts = word.split(separator: "=")
            guard parts.count == 2 else { return nil }
            values[parts[0]] = parts[1]
        }
        guard let share = values["avg10"]?.split(separator: "."), share.count == 2, share[1].utf8.count == 2,
            let percent = UInt32(share[0]), percent <= 100, let hundredths = UInt32(share[1]),
            let total = values["total"].flatMap({ UInt64($0) })
        else { return nil }
        return Waiting(
            hundredths: percent * 100 + hundredths,
            totalNs: total.multipliedReportingOverflow(by: 1000).partialValue
        )
    }
}
