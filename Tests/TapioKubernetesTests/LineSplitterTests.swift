import Testing

@testable import TapioKubernetes

@Suite("LineSplitter")
struct LineSplitterTests {
    /// What comes of pieces of text.
    private func split(_ pieces: [String], longest: Int = 8) -> (lines: [LineSplitter.Line], isMidLine: Bool) {
        var splitter = LineSplitter(longest: longest)
        var lines: [LineSplitter.Line] = []
        for piece in pieces {
            let bytes = Array(piece.utf8)
            splitter.append(bytes.span) { lines.append($0) }
        }
        return (lines, splitter.isMidLine)
    }

    private func line(_ text: String) -> LineSplitter.Line { .line(Array(text.utf8)) }

    @Test("lines come whole, however the stream is cut")
    func cuts() {
        let text = "one\ntwo\n\nthree\n"
        for first in 0...text.count {
            for second in first...text.count {
                let bytes = Array(text)
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].map { String($0) }
                let result = split(pieces)
                #expect(result.lines == [line("one"), line("two"), line(""), line("three")])
                #expect(!result.isMidLine)
            }
        }
    }

    @Test("a line without its end is none yet")
    func midLine() {
        let result = split(["one\ntw"])
        #expect(result.lines == [line("one")])
        #expect(result.isMidLine)
    }

    @Test("a line may have as many bytes as the bound, and one beyond is skipped to its end and told once")
    func bound() {
        #expect(split(["12345678\n"]).lines == [line("12345678")])
        #expect(split(["123456789\nx\n"]).lines == [.tooLong, line("x")])
        let pieces = ["1234", "5678", "9", "0", "12345678", "\nnext\n123456789\n"]
        #expect(split(pieces).lines == [.tooLong, line("next"), .tooLong])
        #expect(split(["123456789"]).isMidLine)
    }
}
