/// The version of this program.
public enum TapioVersion {
    /// As in `tapio version`, footers and status.
    public static let current = "0.1.0"
}
