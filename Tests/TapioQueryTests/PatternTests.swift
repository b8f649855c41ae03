import Testing

@testable import TapioQuery

@Suite("Patterns")
struct PatternTests {
    @Test(
        arguments: [
            ("api-.*", "my-api-1", true), ("^api", "my-api", false), ("api$", "my-api", true), ("^$", "", true),
            ("", "x", true),
            ("a|b", "xb", true), ("^(a|bc)+$", "abcbca", true), ("^(a|bc)+$", "abcb", false),
            ("^a{2,3}$", "aaaa", false),
            ("^a{2,3}$", "aaa", true), ("^a{2}$", "aa", true), ("^a{2,}$", "aaaaa", true), ("^a{0}$", "", true),
            ("[a-c]x", "zbx", true), ("[^a-c]x", "bx", false), ("[^a-c]x", "éx", true), ("\\d+", "ab12", true),
            ("^\\w+$", "a_1", true), ("^\\S+$", "a b", false), ("\\.", "a.b", true), ("^.$", "日", true),
            ("^.$", "日本", false),
            ("日+$", "本日日", true), ("[日本]$", "本", true), ("(?i)API", "my-aPi", true), ("[]]", "]", true),
            ("[a-]", "-", true),
            ("^(?:ab)?c$", "c", true), ("a.*?b", "axxb", true), ("x*", "", true), ("^(^a|b)$", "a", true),
            ("$x", "x", false),
            ("(a*)*b", "aaaac", false), ("\\n", "a\nb", true),
        ] as [(String, String, Bool)]
    )
    func occurs(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(try Pattern(pattern).occurs(in: Array(text.utf8)) == expected)
    }

    @Test(arguments: [
        "(", ")", "[", "*a", "a{3", "a{3,2}", "a{9999}", "\\", "\\q", "(?=a)", "[z-a]", "((a{999}){999}){999}",
    ])
    func whatIsNoPatternIsRefused(_ pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    @Test("agrees with the standard library's patterns on random ones")
    func random() throws {
        let atoms = ["a", "b", "c", ".", "[ab]", "[^a]", "(a|b)", "(ab|c)", "\\w"]
        let repeats = ["", "", "", "*", "+", "?", "{1,2}"]
        for _ in 0..<300 {
            var source = (0..<Int.random(in: 1...5)).map { _ in atoms.randomElement()! + repeats.randomElement()! }
                .joined()
            if Bool.random() { source = "^" + source }
            if Bool.random() { source += "$" }
            if Bool.random() { source += "|" + atoms.randomElement()! + "c$" }
            let own = try Pattern(source)
            let other = try Regex(source)
            var matcher = PatternMatcher(own)
            for _ in 0..<20 {
                let text = String((0..<Int.random(in: 0...8)).map { _ in "abcx".randomElement()! })
                #expect(
                    matcher.occurs(in: Array(text.utf8)) == (text.firstMatch(of: other) != nil),
                    "\(source) in \(text)"
                )
            }
        }
    }

    @Test("a hostile pattern and text take linear time, and states stay bounded")
    func hostile() throws {
        let pattern = try Pattern("(a|aa)+$|(.*)(.*)(.*)[0-9]{30}b|(x+x+)+y")
        #expect(!pattern.occurs(in: [UInt8](repeating: 0x61, count: 50_000) + [0x62]))
        #expect(!pattern.occurs(in: [UInt8](repeating: 0x78, count: 50_000)))
        let states = try Pattern("(a|b)*a(a|b){14}c")
        var matcher = PatternMatcher(states)
        let found = matcher.occurs(in: (0..<3000).map { _ in Bool.random() ? 0x61 : 0x62 })
        #expect(!found)
    }
}
