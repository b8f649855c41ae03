/// Numbers as a row of bars, the last at the right end.
struct Sparkline: Sendable {
    /// `▁▂▅█▃`, as many columns as was asked for; a column without a number is empty.
    let text: String

    private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// The last `columns` of the values: the greatest is a whole bar, and zero still a thin one.
    init(_ values: [UInt64?], columns: Int) {
        let shown = values.suffix(max(0, columns))
        let greatest = Double(shown.compactMap(\.self).max() ?? 0)
        var text = String(repeating: " ", count: max(0, columns - shown.count))
        for value in shown {
            guard let value else {
                text.append(" ")
                continue
            }
            let fraction = greatest > 0 ? Double(value) / greatest : 0
            text.append(Self.bars[min(7, Int((fraction * 7).rounded()))])
        }
        self.text = text
    }
}
