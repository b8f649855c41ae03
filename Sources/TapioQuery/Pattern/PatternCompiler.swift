/// Turns a pattern's parts into steps.
struct PatternCompiler {
    var steps: [Pattern.Step] = []

    /// More than any pattern that a person writes; bounds the automaton.
    private static let maxSteps = 20_000

    mutating func emit(_ node: PatternNode) throws(PatternError) {
        guard steps.count < PatternCompiler.maxSteps else {
            throw PatternError(message: "the pattern is too large", position: 0)
        }
        switch node {
        case .empty: break
        case .bytes(let set): steps.append(.bytes(set))
        case .start: steps.append(.start)
        case .end: steps.append(.end)
        case .sequence(let parts): for part in parts { try emit(part) }
        case .either(let branches): try emit(either: branches)
        case .characters(let set, let others, let characters): try emit(set, others: others, characters)
        case .repeated(let inner, let low, let high): try emit(inner, from: low, to: high)
        }
    }

    private mutating func emit(either branches: [PatternNode]) throws(PatternError) {
        var jumps: [Int] = []
        for (index, branch) in branches.enumerated() {
            let isLast = index == branches.count - 1
            let split = steps.count
            if !isLast { steps.append(.split(split + 1, 0)) }
            try emit(branch)
            if isLast { break }
            jumps.append(steps.count)
            steps.append(.jump(0))
            steps[split] = .split(split + 1, steps.count)
        }
        for jump in jumps { steps[jump] = .jump(steps.count) }
    }

    private mutating func emit(_ inner: PatternNode, from low: Int, to high: Int?) throws(PatternError) {
        for _ in 0..<low { try emit(inner) }
        guard let high else {
            let split = steps.count
            steps.append(.split(split + 1, 0))
            try emit(inner)
            steps.append(.jump(split))
            steps[split] = .split(split + 1, steps.count)
            return
        }
        var splits: [Int] = []
        for _ in low..<max(high, low) {
            splits.append(steps.count)
            steps.append(.split(steps.count + 1, 0))
            try emit(inner)
        }
        for split in splits { steps[split] = .split(split + 1, steps.count) }
    }

    private mutating func emit(_ set: ByteSet, others: Bool, _ characters: Set<Unicode.Scalar>) throws(PatternError) {
        var branches: [PatternNode] = [.bytes(set)]
        if others {
            let tail = PatternNode.bytes(ByteSet(0x80...0xbf))
            branches.append(.sequence([.bytes(ByteSet(0xc2...0xdf)), tail]))
            branches.append(.sequence([.bytes(ByteSet(0xe0...0xef)), tail, tail]))
            branches.append(.sequence([.bytes(ByteSet(0xf0...0xf4)), tail, tail, tail]))
        } else {
            for character in characters.sorted() {
                branches.append(.sequence(String(character).utf8.map { .bytes(ByteSet($0...$0)) }))
            }
        }
        try emit(branches.count == 1 ? branches[0] : .either(branches))
    }
}
