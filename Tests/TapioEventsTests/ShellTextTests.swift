import TapioEvents
import Testing

@Suite("Words for a shell") struct ShellTextTests {
    @Test(
        "a word is quoted only where it must be, by scalars, and what a terminal obeys by its bytes",
        arguments: [
            ("/a/b-c_d.e", "/a/b-c_d.e"), ("", "''"), ("/with space", "'/with space'"), ("/it's", "\"/it's\""),
            // zsh puts the path of a command in its place.
            ("=ls", "'=ls'"), ("a=b", "'a=b'"),
            ("/a'$b", "'/a'\\''$b'"), ("!'", "'!'\\'''"), ("/bad\u{1b}[2J", "$'/bad\\x1b\\x5b2J'"),
            ("a\nb'", "$'a\\x0ab\\x27'"),
            // With a mark behind it, a quote or a dollar sign is another character, and a shell obeys it all the same.
            ("it'\u{301}s", "\"it'\u{301}s\""), ("'\u{301}$\u{301}", "''\\''\u{301}$\u{301}'"),
        ]
    )
    func quoting(word: String, quoted: String) {
        #expect(Array(ShellText.quoted(word).unicodeScalars) == Array(quoted.unicodeScalars))
    }
}
