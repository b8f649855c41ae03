/// Looks for one pattern in many texts. States of the automaton that occurred are kept, so that most bytes cost one look-up.
struct PatternMatcher {
    private let program: [Pattern.Step]
    /// Sorted steps that a state stands on, before the next byte.
    private var states: [[Int]] = []
    private var numbers: [[Int]: Int] = [:]
    /// `state * 256 + byte`: the next state, or -1 where it is not known yet.
    private var next: [Int32] = []
    private var isMatch: [Bool] = []
    private var matchesAtEnd: [Bool] = []
    private var first = 0
    /// For the walk over steps.
    private var seen: [Bool]

    /// Kept states; when there are more, all are forgotten and found again.
    private static let maxStates = 1024

    init(_ pattern: Pattern) {
        program = pattern.program
        seen = [Bool](repeating: false, count: pattern.program.count)
        forget()
    }

    /// Whether the pattern occurs in `text`.
    mutating func occurs(in text: some Collection<UInt8>) -> Bool {
        if let found = text.withContiguousStorageIfAvailable({ buffer in unsafe occurs(in: buffer.span) }) {
            return found
        }
        return occurs(in: Array(text).span)
    }

    private mutating func occurs(in text: Span<UInt8>) -> Bool {
        var state = first
        for index in text.indices {
            if isMatch[state] { return true }
            let byte = text[index]
            let known = next[state * 256 + Int(byte)]
            state = known >= 0 ? Int(known) : step(from: state, over: byte)
        }
        return isMatch[state] || matchesAtEnd[state]
    }

    private mutating func step(from state: Int, over byte: UInt8) -> Int {
        var reached: [Int] = []
        for position in states[state] {
            if case .bytes(let set) = program[position], set.contains(byte) {
                walk(position + 1, isStart: false, into: &reached)
            }
        }
        // The pattern may begin at any place.
        walk(0, isStart: false, into: &reached)
        if states.count >= PatternMatcher.maxStates {
            forgetSeen(reached)
            forget()
            return number(of: reached.sorted())
        }
        forgetSeen(reached)
        let target = number(of: reached.sorted())
        next[state * 256 + Int(byte)] = Int32(target)
        return target
    }

    private mutating func forget() {
        states = []
        numbers = [:]
        next = []
        isMatch = []
        matchesAtEnd = []
        var reached: [Int] = []
        walk(0, isStart: true, into: &reached)
        forgetSeen(reached)
        first = number(of: reached.sorted())
    }

    private mutating func forgetSeen(_ reached: [Int]) {
        seen = [Bool](repeating: false, count: program.count)
    }

    private mutating func number(of steps: [Int]) -> Int {
        if let known = numbers[steps] { return known }
        let number = states.count
        states.append(steps)
        numbers[steps] = number
        next.append(contentsOf: repeatElement(-1, count: 256))
        isMatch.append(steps.contains { program[$0] == .match })
        matchesAtEnd.append(endsHere(steps))
        return number
    }

    /// Whether the pattern is complete where the text ends after these steps.
    private mutating func endsHere(_ steps: [Int]) -> Bool {
        var pending = steps.filter { program[$0] == .end }
        var visited = Set(pending)
        while let position = pending.popLast() {
            switch program[position] {
            case .match: return true
            case .end: if visited.insert(position + 1).inserted { pending.append(position + 1) }
            case .jump(let target): if visited.insert(target).inserted { pending.append(target) }
            case .split(let left, let right):
                for target in [left, right] where visited.insert(target).inserted { pending.append(target) }
            case .start, .bytes: break
            }
        }
        return false
    }

    /// Adds the steps that are reached without a byte.
    private mutating func walk(_ position: Int, isStart: Bool, into reached: inout [Int]) {
        var pending = [position]
        while let position = pending.popLast() {
            if seen[position] { continue }
            seen[position] = true
            switch program[position] {
            case .jump(let target): pending.append(target)
            case .split(let left, let right): pending += [right, left]
            case .start: if isStart { pending.append(position + 1) }
            case .bytes, .end, .match: reached.append(position)
            }
        }
    }
}
