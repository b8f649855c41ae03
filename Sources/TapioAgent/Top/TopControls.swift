/// What the person at the keyboard chose, and how the agent is reached.
public struct TopControls: Sendable {
    /// What fills the screen below the figures.
    public enum View: Int, CaseIterable, Sendable {
        case overview, kinds, collectors, processes, commands, owners, peers

        /// As in the foot of the screen.
        var title: String {
            switch self {
            case .overview: "overview"
            case .kinds: "kinds"
            case .collectors: "collectors"
            case .processes: "processes"
            case .commands: "commands"
            case .owners: "pods and units"
            case .peers: "remote ends"
            }
        }
    }

    /// What stands first.
    public enum Sort: Int, CaseIterable, Sendable {
        case rate, lost, total, name

        var title: String {
            switch self {
            case .rate: "rate"
            case .lost: "lost"
            case .total: "total"
            case .name: "name"
            }
        }
    }

    /// What fills the screen.
    public var view = View.overview
    /// What stands first.
    public var sort = Sort.rate
    /// Whether the screen stands still.
    public var isPaused = false
    /// Whether the keys are explained.
    public var showsHelp = false
    /// Why the agent cannot be reached just now, in one line; nil while it can.
    public var trouble: String?

    /// The overview.
    public init() {}

    /// Takes what the keyboard sent, as it came; false where it asks to quit.
    public mutating func press(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            if byte == 0x1b {
                escape(&rest)
                continue
            }
            switch UnicodeScalar(byte) {
            // 3 is Ctrl-C and 4 Ctrl-D, where the terminal does not make a signal or an end of them.
            case "q", "Q", "\u{3}", "\u{4}": return false
            case "\t": turn(1)
            case "1"..."7": view = View(rawValue: Int(byte) - 0x31) ?? view
            case "s": sort = Sort(rawValue: (sort.rawValue + 1) % Sort.allCases.count) ?? .rate
            case "p", " ": isPaused.toggle()
            case "?", "h": showsHelp.toggle()
            default: continue
            }
        }
        return true
    }

    /// What follows an escape character: arrows and back-tab; alone it closes the help.
    private mutating func escape(_ rest: inout ArraySlice<UInt8>) {
        guard let second = rest.first, second == UInt8(ascii: "[") || second == UInt8(ascii: "O") else {
            showsHelp = false
            return
        }
        rest.removeFirst()
        // Parameters, and the letter that ends them.
        while let byte = rest.popFirst() {
            if byte < 0x40 { continue }
            switch UnicodeScalar(byte) {
            case "C": turn(1)
            case "D", "Z": turn(-1)
            default: break
            }
            return
        }
    }

    private mutating func turn(_ steps: Int) {
        let count = View.allCases.count
        view = View(rawValue: (view.rawValue + steps + count) % count) ?? .overview
    }
}
