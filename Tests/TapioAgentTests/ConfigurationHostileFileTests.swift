import Glibc
import Testing

@testable import TapioAgent

@Suite("Configuration: no file makes the agent crash, hang or believe a stranger")
struct ConfigurationHostileFileTests {
    private let directory = TemporaryDirectory()

    private func refusal(of path: String) -> String {
        do throws(ConfigurationErrors) {
            _ = try ConfigurationLoader(schema: testSchema).load(.init(file: .named(path)))
            return "accepted"
        } catch {
            return error.description
        }
    }

    @Test("a directory, a pipe and a device are no files")
    func notRegular() {
        #expect(refusal(of: directory.path).contains("is a directory"))
        let pipe = directory.path + "/pipe"
        mkfifo(pipe, 0o644)
        #expect(refusal(of: pipe).contains("not a regular file"))
        #expect(refusal(of: "/dev/zero").contains("not a regular file"))
    }

    @Test("a file of 100 MB is refused by its size, before it is read")
    func huge() {
        let path = directory.write("huge.yaml", "")
        truncate(path, 100_000_000)
        #expect(refusal(of: path).contains("has 100000000 bytes"))
    }

    @Test("a file that everybody may write is refused, with the remedy")
    func worldWritable() {
        let path = directory.write("tapio.yaml", "encoders: 2")
        chmod(path, 0o666)
        #expect(refusal(of: path).contains("chmod o-w"))
    }

    @Test("a drop-in directory in which everybody may create files is refused")
    func worldWritableDirectory() {
        let path = directory.write("tapio.yaml", "encoders: 2")
        chmod(directory.makeDirectory("tapio.yaml.d"), 0o777)
        #expect(refusal(of: path).contains("everybody may create files"))
    }

    @Test("a file in a directory in which everybody may put another in its place is refused, with the remedy")
    func worldWritablePlace() {
        let place = directory.makeDirectory("open")
        let path = directory.write("open/tapio.yaml", "encoders: 2")
        chmod(place, 0o777)
        #expect(refusal(of: path).contains("everybody may write its directory \(place); chmod o-w \(place)"))
        // As /tmp: only an entry's owner may rename it.
        chmod(place, 0o1777)
        #expect(refusal(of: path) == "accepted")
        // However far up: whoever renames that directory brings his own file.
        let inner = directory.makeDirectory("open/inner")
        let deep = directory.write("open/inner/tapio.yaml", "encoders: 2")
        chmod(place, 0o777)
        #expect(refusal(of: deep).contains("its directory \(place)"))
        // And where a link leads.
        let link = directory.path + "/link.yaml"
        symlink(path, link)
        #expect(refusal(of: link).contains("its directory \(place)"))
        chmod(place, 0o755)
        #expect(refusal(of: link) == "accepted" && access(inner, F_OK) == 0)
    }

    @Test("too many drop-ins, and a drop-in directory that is a file, are refused")
    func strangeDropIns() {
        let path = directory.write("a.yaml", "")
        directory.write("a.yaml.d", "")
        #expect(refusal(of: path).contains("cannot be opened"))
        let other = directory.write("b.yaml", "")
        _ = directory.makeDirectory("b.yaml.d")
        for index in 0...64 { directory.write("b.yaml.d/\(index).yaml", "") }
        #expect(refusal(of: other).contains("more than 64"))
    }

    @Test(
        "what is no UTF-8 text is refused at its place",
        arguments: [
            ([0x61, 0x3A, 0x0A, 0xFF], "tapio.yaml:2:1: error: is not valid UTF-8"),
            ([0x61, 0xC3], "tapio.yaml:1:2: error: is not valid UTF-8"),
            ([0x7F, 0x45, 0x4C, 0x46, 0x00], "tapio.yaml:1:1: error: has the control character U+007F"),
            ([0x61, 0x00], "tapio.yaml:1:2: error: has the control character U+0000"),
            ([0xE2, 0x80, 0xA8], "tapio.yaml:1:1: error: has the control character U+2028"),
            ([0xFF, 0xFE, 0x61, 0x00], "tapio.yaml:1:1: error: is not valid UTF-8"),
        ] as [([UInt8], String)]
    )
    func notText(bytes: [UInt8], expected: String) {
        #expect(refusal(of: directory.write("tapio.yaml", bytes: bytes)).contains(expected))
    }

    @Test(
        "what makes YAML dangerous is refused at its line",
        arguments: [
            ("a: &x 1\nb: *x", "1:4", "anchors"),
            ("node: x\nb: *x", "2:4", "anchors"),
            ("&a [*a]", "1:1", "anchors"),
            ("a: &a\n  b: *a", "1:4", "anchors"),
            ("{\"a\":*x}", "1:6", "anchors"),
            ("--- &x\na: 1", "1:5", "anchors"),
            ("[foo\n \"b, *x, c\"]", "2:2", "several lines"),
            ("# ok & fine\nnode: a&b*c", "accepted", ""),
            ("node: \"&a *b\"  # *c", "accepted", ""),
            ("node: !!str 5", "1:7", "tags"),
            ("node: |\n  text", "1:7", "several lines"),
            ("node: \"a\n  b\"", "1:7", "not closed"),
            ("? a\n: b", "1:1", "plain names"),
            ("%YAML 1.1\n---\na: 1", "1:1", "directive"),
            ("node: a\n---\nnode: b", "2:1", "document"),
            ("node: a\n b: c", "2:3", "not YAML"),
            ("node: [a", "1:", "not YAML"),
            ("node: @a", "1:7", "not YAML"),
            ("\tnode: a", "1:", "not YAML"),
        ] as [(String, String, String)]
    )
    func dangerousYAML(text: String, place: String, what: String) {
        let found = refusal(of: directory.write("tapio.yaml", text))
        #expect(found.contains(place) && found.contains(what), "\(found)")
    }

    @Test("a bomb of aliases, also as keys, is refused and not expanded")
    func aliasBomb() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (name, before) in zip("bcdefghi", "abcdefgh") {
            text += "\(name): &\(name) [" + Array(repeating: "*\(before)", count: 9).joined(separator: ",") + "]\n"
        }
        #expect(refusal(of: directory.write("bomb.yaml", text)).contains("anchors and aliases"))
        #expect(refusal(of: directory.write("keys.yaml", "? *i\n: 1\n*i : 2\n")).contains("not supported"))
    }

    @Test("bottomless nesting in any form is refused")
    func nesting() {
        let deep = 200_000
        for text in [
            String(repeating: "[", count: deep), String(repeating: "{a: ", count: deep),
            String(repeating: "- ", count: deep),
            (0..<700).map { String(repeating: " ", count: $0) + "a:\n" }.joined(), String(repeating: "? ", count: deep),
            String(repeating: "\n-", count: deep), String(repeating: "a: {\n", count: deep),
            String(repeating: "[]: ", count: deep),
        ] {
            let found = refusal(of: directory.write("deep.yaml", text))
            #expect(found.contains("error:") && found.utf8.count < 20_000, "\(text.prefix(20))")
        }
    }

    @Test("a megabyte of nonsense is refused with few words")
    func largeNonsense() {
        for text in [
            String(repeating: "a", count: 1_000_000), String(repeating: "a: b\n", count: 200_000),
            (0..<20_000).map { "key\($0): 1\n" }.joined(), String(repeating: "\"", count: 1_000_000),
            "node: \"" + String(repeating: "\u{1F600}", count: 200_000) + "\"",
            String(repeating: ",", count: 1_000_000),
            String(repeating: "a", count: 500_000) + ": 1",
        ] {
            let found = refusal(of: directory.write("large.yaml", text))
            #expect(found.contains("error:") && found.utf8.count < 20_000, "\(found.prefix(300))")
        }
    }

    @Test("whatever passes the check holds no anchor, no alias and no tag for the YAML parser")
    func checkKeepsStepWithTheParser() {
        let alphabet = Array("&*!|>?-:,[]{}#\"'\\ab  \n\n\t\r%@x")
        let openings = ["", "a: ", "[", "{", "- ", "a: &x 1\nb: ", "\"", "a: foo\n  ", "--- ", "...\n---", "[foo\n"]
        var random = SystemRandomNumberGenerator()
        var passed = 0
        for _ in 0..<60_000 {
            let body = String(
                (0..<Int.random(in: 1...24, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            )
            let text = openings.randomElement(using: &random)! + body
            guard (try? PlainYAML.check(Array(text.utf8))) != nil else { continue }
            passed += 1
            if let slipped = ConfigurationDocument.dangerousConstruct(in: text) {
                Issue.record("\(slipped) slipped through the check: \(String(reflecting: text))")
            }
        }
        #expect(passed > 1000)
    }
}
