import TapioEvents
import Testing

@testable import TapioAgent

@Suite("Names that were learned")
struct LearnedNamesTests {
    private static let second: Int64 = 1_000_000_000

    @Test("answers that follow one another make one time; after a gap it begins anew; an old one changes nothing")
    func times() throws {
        var names = LearnedNames(capacity: 10)
        let firstAnswer = names.learn("a", for: 1, in: 1, atNs: 100 * Self.second, lifeNs: 10 * Self.second, nowNs: 0)
        let first = try #require(firstAnswer)
        #expect(first.sinceNs == 100 * Self.second && first.untilNs == 110 * Self.second)
        let againAnswer = names.learn("a", for: 1, in: 1, atNs: 105 * Self.second, lifeNs: 10 * Self.second, nowNs: 0)
        let again = try #require(againAnswer)
        #expect(again.sinceNs == 100 * Self.second && again.untilNs == 115 * Self.second)
        #expect(names.learn("b", for: 1, in: 1, atNs: 104 * Self.second, lifeNs: 10 * Self.second, nowNs: 0) == nil)
        #expect(names.fact(1, atNs: 114 * Self.second)?.name == "a")
        #expect(names.fact(1, atNs: 115 * Self.second) == nil)
        let freshAnswer = names.learn("a", for: 1, in: 1, atNs: 120 * Self.second, lifeNs: Self.second, nowNs: 0)
        let fresh = try #require(freshAnswer)
        #expect(fresh.sinceNs == 120 * Self.second && fresh.number == first.number)
        let otherAnswer = names.learn("b", for: 1, in: 1, atNs: 120 * Self.second, lifeNs: Self.second, nowNs: 0)
        let other = try #require(otherAnswer)
        #expect(other.sinceNs == 120 * Self.second && other.number != first.number)
        #expect(names.numbers.count == 1)
    }

    @Test("they are bounded: what is over goes first; readers are told which")
    func bound() throws {
        var names = LearnedNames(capacity: 8)
        for key in 0..<UInt64(8) {
            let lifeNs = (key < 3 ? 1 : 100 + Int64(key)) * Self.second
            _ = names.learn("n\(key)", for: key, in: 1, atNs: 0, lifeNs: lifeNs, nowNs: 0)
        }
        _ = names.learn("new", for: 100, in: 1, atNs: 50 * Self.second, lifeNs: Self.second, nowNs: 0)
        #expect(Set(names.takeForgotten()) == [0, 1, 2] && names.evictions == 0)
        for key in 200..<UInt64(203) {
            _ = names.learn("m\(key)", for: key, in: 1, atNs: 50 * Self.second, lifeNs: 500 * Self.second, nowNs: 0)
        }
        #expect(names.facts.count <= 8 && names.evictions > 0)
        #expect(names.facts[202] != nil && names.numbers.count == names.facts.count)
    }

    @Test("who has many names, and for long, pushes out none of who has few")
    func fairness() {
        var names = LearnedNames(capacity: 100)
        for key in 0..<UInt64(10) {
            _ = names.learn("few\(key)", for: key, in: 7, atNs: 0, lifeNs: 20 * Self.second, nowNs: 0)
        }
        for key in 1000..<UInt64(3000) {
            _ = names.learn("many\(key)", for: key, in: 8, atNs: 1, lifeNs: 80_000 * Self.second, nowNs: 0)
        }
        #expect(names.facts.count <= 100 && names.evictions > 1800)
        #expect((0..<10).allSatisfy { names.fact($0, atNs: 2)?.name == "few\($0)" })
    }

    @Test("a number that nobody uses rests for a minute before it means something else")
    func numbers() throws {
        var numbers = TextNumbers(most: 2)
        let firstAnswer = numbers.take("a", nowNs: 0)
        let first = try #require(firstAnswer)
        #expect(numbers.take("a", nowNs: 0) == first)
        let secondAnswer = numbers.take("b", nowNs: 0)
        let second = try #require(secondAnswer)
        #expect(first >= TextTable.firstText && second != first)
        #expect(numbers.take("c", nowNs: 0) == nil && numbers.refused == 1)
        numbers.giveUp(first, nowNs: 10)
        #expect(numbers.count == 2)
        numbers.giveUp(first, nowNs: 10)
        #expect(numbers.count == 1 && numbers.texts[first] == Array("a".utf8))
        #expect(numbers.take("c", nowNs: TextNumbers.restNs) == nil)
        #expect(numbers.take("c", nowNs: 10 + TextNumbers.restNs) == first)
        #expect(numbers.texts[first] == Array("c".utf8) && numbers.texts[second] == Array("b".utf8))
    }

    @Test("texts of a copy stay when the other changes")
    func copies() {
        var table = TextTable()
        for number in TextTable.firstText..<2000 { table.set(number, Array("t\(number)".utf8)) }
        let copy = table
        table.set(1000, Array("x".utf8))
        #expect(copy[1000] == Array("t1000".utf8) && table[1000] == Array("x".utf8))
        #expect(table[60_000] == [] && table[TextTable.late] == [])
        #expect(table.status(TextTable.expired) == Array("expired".utf8) && table.status(1000) == Array("hit".utf8))
    }
}
