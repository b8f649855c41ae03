/// The parts of a pattern.
indirect enum PatternNode: Hashable {
    case empty
    case bytes(ByteSet)
    /// Any of these ASCII bytes, or (where `others`) any character beyond ASCII, or one of `characters`.
    case characters(ByteSet, others: Bool, Set<Unicode.Scalar>)
    case start
    case end
    case sequence([PatternNode])
    case either([PatternNode])
    case repeated(PatternNode, from: Int, to: Int?)
}

/// Reads a pattern.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var ignoresCase = false

    private static let maxRepeats = 1000
    private static let maxDepth = 100

    init(_ source: String) { scalars = Array(source.unicodeScalars) }

    mutating func parse() throws(PatternError) -> PatternNode {
        if scalars.starts(with: "(?i)".unicodeScalars) {
            ignoresCase = true
            position = 4
        }
        let node = try either()
        if position < scalars.count { throw error("\")\" without \"(\"") }
        return node
    }

    private func error(_ message: String) -> PatternError { PatternError(message: message, position: position) }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard position < scalars.count, scalars[position] == scalar else { return false }
        position += 1
        return true
    }

    private mutating func either() throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        if depth > PatternParser.maxDepth { throw error("groups nested deeper than \(PatternParser.maxDepth)") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .either(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var parts: [PatternNode] = []
        while position < scalars.count, scalars[position] != "|", scalars[position] != ")" {
            parts.append(try repeated(try atom()))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func repeated(_ atom: PatternNode) throws(PatternError) -> PatternNode {
        var node = atom
        while position < scalars.count {
            if take("*") {
                node = .repeated(node, from: 0, to: nil)
            } else if take("+") {
                node = .repeated(node, from: 1, to: nil)
            } else if take("?") {
                // After a repeat it would mean "as few as possible", which changes nothing here: something occurs or not.
                if case .repeated = node { continue }
                node = .repeated(node, from: 0, to: 1)
            } else if scalars[position] == "{" {
                node = try counted(node)
            } else {
                break
            }
        }
        return node
    }

    private mutating func counted(_ node: PatternNode) throws(PatternError) -> PatternNode {
        let start = position
        position += 1
        let low = number()
        var high = low
        if take(",") { high = position < scalars.count && scalars[position] == "}" ? nil : number() }
        guard let low, take("}"), high.map({ $0 >= low }) ?? true else {
            position = start
            throw error("a repeat is written {3}, {3,} or {3,5}")
        }
        if max(low, high ?? 0) > PatternParser.maxRepeats {
            position = start
            throw error("a repeat of more than \(PatternParser.maxRepeats)")
        }
        return .repeated(node, from: low, to: high)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while position < scalars.count, ("0"..."9").contains(scalars[position]), (value ?? 0) < 1_000_000 {
            value = (value ?? 0) * 10 + Int(scalars[position].value - 48)
            position += 1
        }
        return value
    }

    private mutating func atom() throws(PatternError) -> PatternNode {
        let scalar = scalars[position]
        switch scalar {
        case "(":
            let start = position
            position += 1
            if take("?"), !take(":") { throw error("only (?:…), and (?i) in front, are known") }
            let inner = try either()
            if !take(")") {
                position = start
                throw error("this group is never closed")
            }
            return inner
        case "[": return try set()
        case ".":
            position += 1
            return .characters(ByteSet(0...0x7f), others: true, [])
        case "^":
            position += 1
            return .start
        case "$":
            position += 1
            return .end
        case "*", "+", "?", "{": throw error("nothing to repeat before \"\(scalar)\"")
        case "\\":
            position += 1
            return try escape()
        default:
            position += 1
            return literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> PatternNode {
        if !scalar.isASCII { return .characters(ByteSet(), others: false, [scalar]) }
        return .bytes(bytes(UInt8(scalar.value)...UInt8(scalar.value)))
    }

    private func bytes(_ range: ClosedRange<UInt8>) -> ByteSet {
        var set = ByteSet(range)
        if ignoresCase {
            for byte in range {
                if byte >= 0x41 && byte <= 0x5a { set.insert(byte + 0x20) }
                if byte >= 0x61 && byte <= 0x7a { set.insert(byte - 0x20) }
            }
        }
        return set
    }

    private mutating func escape() throws(PatternError) -> PatternNode {
        guard position < scalars.count else { throw error("nothing after the backslash") }
        let scalar = scalars[position]
        if let shorthand = PatternParser.shorthand(scalar) {
            position += 1
            return .characters(shorthand.set, others: shorthand.others, [])
        }
        return literal(try escapedScalar())
    }

    private mutating func escapedScalar() throws(PatternError) -> Unicode.Scalar {
        guard position < scalars.count else { throw error("nothing after the backslash") }
        let scalar = scalars[position]
        let isLetter = scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        let plain: [Unicode.Scalar: Unicode.Scalar] = ["n": "\n", "t": "\t", "r": "\r"]
        guard let meant = plain[scalar] ?? (isLetter ? nil : scalar) else { throw error("\"\\\(scalar)\" is not known") }
        position += 1
        return meant
    }

    private static func shorthand(_ scalar: Unicode.Scalar) -> (set: ByteSet, others: Bool)? {
        var set = ByteSet()
        switch scalar {
        case "d", "D": set = ByteSet(0x30...0x39)
        case "w", "W":
            for range in [0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f...0x5f] as [ClosedRange<UInt8>] {
                set.formUnion(ByteSet(range))
            }
        case "s", "S":
            for byte in [0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d] as [UInt8] { set.insert(byte) }
        default: return nil
        }
        let isNegated = scalar.value < 0x61
        return (isNegated ? set.asciiComplement : set, isNegated)
    }

    private mutating func set() throws(PatternError) -> PatternNode {
        let start = position
        position += 1
        let isNegated = take("^")
        var set = ByteSet()
        var others = false
        var characters: Set<Unicode.Scalar> = []
        var isFirst = true
        while position < scalars.count, isFirst || scalars[position] != "]" {
            isFirst = false
            if scalars[position] == "\\", position + 1 < scalars.count,
                let shorthand = PatternParser.shorthand(scalars[position + 1])
            {
                position += 2
                set.formUnion(shorthand.set)
                others = others || shorthand.others
                continue
            }
            let low = try setMember()
            var high = low
            if position + 1 < scalars.count, scalars[position] == "-", scalars[position + 1] != "]" {
                position += 1
                high = try setMember()
            }
            if low.isASCII && high.isASCII && low <= high {
                set.formUnion(bytes(UInt8(low.value)...UInt8(high.value)))
            } else if low == high {
                characters.insert(low)
            } else {
                throw error("a range goes from one ASCII character to a higher one")
            }
        }
        guard take("]") else {
            position = start
            throw error("this set is never closed")
        }
        if !isNegated { return .characters(set, others: others, characters) }
        if !characters.isEmpty { throw error("[^…] takes ASCII characters only") }
        return .characters(set.asciiComplement, others: !others, [])
    }

    private mutating func setMember() throws(PatternError) -> Unicode.Scalar {
        if take("\\") { return try escapedScalar() }
        guard position < scalars.count else { throw error("this set is never closed") }
        position += 1
        return scalars[position - 1]
    }
}
