import TapioEvents
import Testing

@Suite("Text for a terminal")
struct TerminalTextTests {
    @Test("plain text passes unchanged")
    func plain() {
        #expect(TerminalText.escape("nginx -g 'daemon off;'") == "nginx -g 'daemon off;'")
        #expect(TerminalText.escape("café 日本") == "café 日本")
    }

    @Test(
        "what a terminal obeys or hides becomes visible",
        arguments: [
            ("\u{1b}[2J", "\\x1b[2J"), ("a\nb\tc\rd", "a\\nb\\tc\\rd"), ("\0\u{7f}", "\\x00\\x7f"),
            ("\u{9b}31m", "\\u{9b}31m"), ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("\u{2066}\u{2069}", "\\u{2066}\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"), ("\u{2028}", "\\u{2028}"), ("\u{e0041}", "\\u{e0041}"),
            ("\u{301}x", "\\u{301}x"), ("e\u{301}\u{301}\u{301}", "e\u{301}\u{301}\\u{301}"),
        ]
    )
    func hostile(_ text: String, _ shown: String) {
        #expect(TerminalText.escape(text) == shown)
        #expect(TerminalText.escape(bytes: Array(text.utf8)) == shown)
    }

    @Test("each byte that is no UTF-8 is shown")
    func invalid() {
        let bytes: [UInt8] = [0x61, 0x9b, 0x33, 0xc3, 0x28, 0xf0, 0x9f, 0x98, 0xff, 0xed, 0xa0, 0x80]
        #expect(TerminalText.escape(bytes: bytes) == "a\\x9b3\\xc3(\\xf0\\x9f\\x98\\xff\\xed\\xa0\\x80")
    }

    @Test("text is cut at a width, and says so")
    func cut() {
        #expect(TerminalText.escape("abcdef", limit: 6) == "abcdef")
        #expect(TerminalText.escape("abcdefg", limit: 6) == "abcde…")
        #expect(TerminalText.escape("日本語文", limit: 6) == "日本…")
        #expect(TerminalText.escape("abcde\u{1b}", limit: 6) == "abcde…")
        #expect(TerminalText.escape("abc", limit: 0) == "")
        for limit in 0...40 {
            let shown = TerminalText.escape("日\u{1b}x\u{202e}é本a\u{301}" + "0123456789", limit: limit)
            #expect(TerminalText.width(of: shown) <= limit)
        }
    }

    @Test("random bytes never give an unsafe character")
    func random() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let shown = TerminalText.escape(bytes: bytes, limit: 50)
            #expect(!shown.unicodeScalars.contains { TerminalText.isUnsafe($0) }, "\(bytes)")
            #expect(TerminalText.width(of: shown) <= 50, "\(bytes)")
        }
    }
}
