/// A fraction as a bar.
public struct ProgressBar: Sendable {
    /// `▕███▌    ▏`.
    public let text: String

    /// A bar of `columns` columns, its ends included; fractions outside 0…1, or none at all, are brought into it.
    public init(fraction: Double, columns: Int) {
        let inner = max(1, columns - 2)
        let clamped = fraction.isFinite ? min(1, max(0, fraction)) : 0
        let eighths = Int((clamped * Double(inner * 8)).rounded())
        let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        let filled = String(repeating: "█", count: eighths / 8) + partial
        text = "▕" + filled + String(repeating: " ", count: inner - eighths / 8 - (partial.isEmpty ? 0 : 1)) + "▏"
    }
}
