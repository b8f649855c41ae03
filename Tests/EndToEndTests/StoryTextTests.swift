import Foundation
import TapioCollectors
import TapioEvents
import Testing

@testable import TapioQuery
@testable import tapio

@Suite("Stories in words") struct StoryTextTests {
    @Test("the collectors that explain names are those whose kinds they are")
    func collectors() {
        let schemas = CollectorRegistry.schemas.schemas
        for (kind, collector) in Explanation.collectors {
            #expect(schemas.first { $0.name == kind }?.collector == collector, "\(kind)")
        }
    }

    @Test("docs/explain.md has every rule")
    func documented() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/explain.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        for name in Explanation.ruleNames { #expect(text.contains("| `\(name)` |"), "\(name)") }
    }

    @Test(
        "a word is quoted so that a shell reads it back",
        arguments: [
            "plain", "", "two words", "it's", "$HOME `x` \"y\" \\", "*", "a\nb", "it'\u{301}s; '\u{301}", "'!", "'\\",
            "'$\u{301}HOME", "'`\u{301}x`", "\u{1b}[2J\u{202e}'\u{1}1",
        ]
    )
    func quoting(word: String) throws {
        let result = try CommandsBinary.shell("printf %s \(ShellText.quoted(word))")
        #expect(result.output == word)
    }

    @Test("branches are drawn for some levels, and what is deeper says how deep")
    func branches() {
        func branch(_ depth: Int, ends: UInt64 = 0, isLast: Bool = true, isPlain: Bool = true) -> String {
            let node = ProcessTree.Node(pid: 1, parentPid: 0, comm: "a")
            let step = ProcessTree.Step(node: node, depth: depth, isLast: isLast, ends: ends)
            return TreeText.branch(step, isPlain: isPlain)
        }
        #expect(branch(0).isEmpty)
        #expect(branch(1) == "`- ")
        #expect(branch(3, ends: 0b0101, isLast: false) == "|     |- ")
        #expect(branch(3, ends: 0b1010, isPlain: false) == "   │  └─ ")
        #expect(branch(64).count == 64 * 3)
        #expect(branch(65) == "... depth 65 ")
        #expect(branch(200_000, isPlain: false) == "… depth 200000 ")
    }

    private static let globs: [(String, String?, Bool)] = [
        ("api-*", "default/api-1", true), ("api-*", "default/xapi-1", false), ("default/api-?", "default/api-1", true),
        ("default/api-?", "default/api-12", false), ("other/*", "default/api-1", false),
        ("d*/*1", "default/api-1", true),
        ("*", nil, false), ("a*b*c", "n/aXbXbc", true), ("a*b*c", "n/aXbXb", false), ("", "n/", true),
    ]

    @Test("a pod's glob matches whole names", arguments: globs)
    func glob(glob: String, pod: String?, matches: Bool) {
        #expect(PodGlob(glob).matches(pod) == matches)
    }

    private static let wrong: [([String], String)] = [
        (["tail", "-n", "-1"], "-n"), (["tail", "-n", "100001"], "0 to 100000"),
        (["tail", "-f", "--until", "now"], "leave out --until"),
        (["tail", "-f", "--between", "2m..1m"], "and --between"),
        (["timeline"], "subject"), (["timeline", "1", "--limit", "0"], "at least 1"), (["explain"], "subject"),
        (["tree", "--since", "1h"], "add --all"), (["tree", "--pid", "1", "--pod", "a"], "exclude each other"),
    ]

    @Test("what is wrong on the command line is said in one line", arguments: wrong)
    func errors(arguments: [String], part: String) throws {
        let result = try CommandsBinary.run(arguments)
        #expect(result.status == 2)
        #expect(result.error.contains(part), "\(result.error)")
        #expect(result.output.isEmpty)
    }

    @Test(
        "an archive that is not there, and a subject that is none, are one line with the right code",
        arguments: [
            (["timeline", "1"], 1), (["explain", "1"], 1), (["tree"], 1), (["tail"], 1), (["explain", "cmm=x"], 2),
            (["timeline", "addr=1.2"], 2), (["timeline", "10.213.7.2:99999"], 2), (["explain", "0"], 2),
        ] as [([String], Int32)]
    )
    func refused(arguments: [String], status: Int32) throws {
        let result = try CommandsBinary.run(arguments)
        #expect(result.status == status, "\(result.error)")
        #expect(result.error.hasPrefix("tapio: error: "))
        #expect(result.output.isEmpty)
    }

    @Test(
        "an empty archive tells nothing, and that is well where nobody is asked for",
        arguments: [
            (["timeline", "1"], 1), (["timeline", "foo", "--kinds", "tcp_close"], 1), (["tree"], 0), (["tail"], 0),
            (["tree", "--pod", "foo"], 1), (["explain", "1"], 1), (["explain", "foo"], 1),
        ] as [([String], Int32)]
    )
    func empty(arguments: [String], status: Int32) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tapio-story-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let result = try CommandsBinary.run(arguments + ["--archive", directory.path])
        #expect(result.status == status, "\(result.error)")
        #expect(result.output.isEmpty)
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
    }

    @Test(
        "where a segment cannot be read, nobody is said to be unknown for good",
        arguments: [["timeline", "1"], ["explain", "1"], ["tree", "--pid", "1"]]
    )
    func unreadable(arguments: [String]) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tapio-story-\(UUID().uuidString)"
        )
        let hour = directory.appendingPathComponent("node=a/date=2026-01-01/hour=00")
        try FileManager.default.createDirectory(at: hour, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.createSymbolicLink(
            atPath: hour.appendingPathComponent("1767225600000000-00000001-000001.parquet").path,
            withDestinationPath: "/nonexistent"
        )
        let result = try CommandsBinary.run(arguments + ["--archive", directory.path])
        #expect(result.status == 3, "\(result.error)")
        #expect(result.error.contains("tapio: warning: "), "\(result.error)")
        #expect(result.error.contains("not all of it could be read"), "\(result.error)")
    }

    @Test(
        "a misspelt kind is named with the nearest, without a filter that nobody wrote; a tree's range has its begin first",
        arguments: [
            (["timeline", "1", "--kinds", "tcp_clos"], "no kind \"tcp_clos\"; did you mean \"tcp_close\"?"),
            (["cat", "--kinds", "tcp_close,tcp_clos"], "no kind \"tcp_clos\"; did you mean \"tcp_close\"?"),
            (["tail", "--kinds", "tcp_clos"], "no kind \"tcp_clos\"; did you mean \"tcp_close\"?"),
            (
                ["tree", "--all", "--at", "2026-01-01T00:00:20Z", "--since", "2026-01-01T00:00:40Z"],
                "the range ends before it begins"
            ),
        ]
    )
    func wrongOfArchive(arguments: [String], part: String) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tapio-story-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let result = try CommandsBinary.run(arguments + ["--archive", directory.path])
        #expect(result.status == 2)
        #expect(result.error.contains(part), "\(result.error)")
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
    }
}
