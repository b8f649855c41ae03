/// A regular expression that takes linear time, whatever the pattern and whatever a process chose to call itself.
///
/// Syntax: literals, `.`, `[a-z]`, `[^…]`, `\d \w \s \D \W \S`, `* + ? {m,n}`, `|`, groups, `^`, `$`, and `(?i)` in front
/// (ASCII letters). It is searched for anywhere; `^` and `$` bind it to the ends. Bytes of UTF-8; a dot is one character.
struct Pattern: Sendable, Hashable {
    /// As it was written.
    let source: String
    /// Steps of a nondeterministic automaton.
    let program: [Step]

    enum Step: Sendable, Hashable {
        /// One byte of the set goes to the next step.
        case bytes(ByteSet)
        /// Goes on at both.
        case split(Int, Int)
        case jump(Int)
        /// Only at the text's begin.
        case start
        /// Only at the text's end.
        case end
        case match
    }

    /// Compiles a pattern.
    init(_ source: String) throws(PatternError) {
        self.source = source
        var parser = PatternParser(source)
        let node = try parser.parse()
        var compiler = PatternCompiler()
        try compiler.emit(node)
        compiler.steps.append(.match)
        self.program = compiler.steps
    }

    /// Whether the pattern occurs in `text`. Linear in the length times the size of the pattern; see ``PatternMatcher``
    /// for many texts.
    func occurs(in text: some Collection<UInt8>) -> Bool {
        var matcher = PatternMatcher(self)
        return matcher.occurs(in: text)
    }
}

/// Why a pattern is none.
struct PatternError: Error, Sendable, Hashable {
    var message: String
    /// Unicode scalars before it.
    var position: Int
}

/// 256 bits, one for each byte.
struct ByteSet: Sendable, Hashable {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)

    init() {}

    init(_ range: ClosedRange<UInt8>) {
        for byte in range { insert(byte) }
    }

    mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: low.0 |= bit
        case 1: low.1 |= bit
        case 2: high.0 |= bit
        default: high.1 |= bit
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: low.0
            case 1: low.1
            case 2: high.0
            default: high.1
            }
        return word >> UInt64(byte & 63) & 1 != 0
    }

    mutating func formUnion(_ other: ByteSet) {
        low.0 |= other.low.0
        low.1 |= other.low.1
        high.0 |= other.high.0
        high.1 |= other.high.1
    }

    /// The ASCII bytes that are not in it.
    var asciiComplement: ByteSet {
        var set = ByteSet()
        set.low = (~low.0, ~low.1)
        return set
    }

    static func == (left: ByteSet, right: ByteSet) -> Bool { left.low == right.low && left.high == right.high }

    func hash(into hasher: inout Hasher) {
        for word in [low.0, low.1, high.0, high.1] { hasher.combine(word) }
    }
}
