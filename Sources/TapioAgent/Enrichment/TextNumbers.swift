import TapioEvents

/// Gives texts numbers, for as long as somebody uses them. A number that nobody uses any more rests until no reader can hold it,
/// and then stands for another text.
struct TextNumbers {
    /// How long readers may hold a number that they got, ns: longer than a batch is open.
    static let restNs: UInt64 = 60_000_000_000

    /// The texts by number.
    private(set) var texts = TextTable()
    /// Texts that found no number.
    private(set) var refused: UInt64 = 0
    private var numbers: [String: UInt16] = [:]
    private var uses: [UInt16: Int] = [:]
    private var names: [UInt16: String] = [:]
    private var resting: [(number: UInt16, untilNs: UInt64)] = []
    private var firstResting = 0
    private var next = TextTable.firstText
    private let last: UInt16

    /// No texts.
    ///
    /// - Parameter most: Texts that there can be with those whose numbers rest, up to 65,531.
    init(most: Int = 65_531) {
        last = UInt16(clamping: Int(TextTable.firstText) + most - 1)
    }

    /// Texts in use.
    var count: Int { numbers.count }

    /// The number of a text for one more user; nil where all are taken.
    mutating func take(_ text: String, nowNs: UInt64) -> UInt16? {
        if let number = numbers[text] {
            uses[number, default: 0] += 1
            return number
        }
        guard let number = free(nowNs) else {
            refused += 1
            return nil
        }
        texts.set(number, Array(text.utf8))
        numbers[text] = number
        names[number] = text
        uses[number] = 1
        return number
    }

    /// A user needs the number no more.
    mutating func giveUp(_ number: UInt16, nowNs: UInt64) {
        guard let users = uses[number] else { return }
        uses[number] = users - 1
        guard users == 1 else { return }
        uses[number] = nil
        if let text = names.removeValue(forKey: number) { numbers[text] = nil }
        resting.append((number, nowNs &+ Self.restNs))
    }

    private mutating func free(_ nowNs: UInt64) -> UInt16? {
        if firstResting < resting.count, resting[firstResting].untilNs <= nowNs {
            firstResting += 1
            let number = resting[firstResting - 1].number
            if firstResting > 1024 {
                resting.removeFirst(firstResting)
                firstResting = 0
            }
            return number
        }
        guard next <= last, next != 0 else { return nil }
        defer { next &+= 1 }
        return next
    }
}
