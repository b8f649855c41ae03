import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Whose story it is") struct SubjectTests {
    private static let nowNs = StoryFixture.baseUs * 1000 + 43_200_000_000_000

    private func subject(_ text: String) throws -> Subject { try Subject(text, nowNs: Self.nowNs) }

    private static let read: [(String, Subject)] = [
        ("4711", .process(pid: 4711, atUs: nil)), ("pid=4711", .process(pid: 4711, atUs: nil)),
        ("4711@2026-01-01T00:00:05Z", .process(pid: 4711, atUs: StoryFixture.us(5))),
        ("4711@1h", .process(pid: 4711, atUs: StoryFixture.us(39_600))),
        ("api-7d9f", .pod(namespace: nil, name: "api-7d9f")),
        ("default/api-*", .pod(namespace: "default", name: "api-*")), ("pod=4711", .pod(namespace: nil, name: "4711")),
        ("3F1C09d2ab4e", .container("3f1c09d2ab4e")), ("container=web_1", .container("web_1")),
        // Too great for a pid, and long enough for a container.
        ("123456789012", .container("123456789012")),
        ("10.0.0.7", .address("10.0.0.7", port: nil)), ("10.0.0.7:5432", .address("10.0.0.7", port: 5432)),
        ("::1", .address("::1", port: nil)), ("[0:0::1]:53", .address("::1", port: 53)),
        ("addr=FE80::2", .address("fe80::2", port: nil)), ("comm=a b", .comm("a b")),
        // What only begins like an address or a number is a pod's name.
        ("1.2.3.x", .pod(namespace: nil, name: "1.2.3.x")), ("0-api", .pod(namespace: nil, name: "0-api")),
        ("10.0.*", .pod(namespace: nil, name: "10.0.*")), ("api-7d9f.x", .pod(namespace: nil, name: "api-7d9f.x")),
        ("default/0", .pod(namespace: "default", name: "0")), ("pod=1.2", .pod(namespace: nil, name: "1.2")),
    ]

    @Test("a subject is read as a person means it", arguments: read)
    func reads(text: String, expected: Subject) throws {
        #expect(try subject(text) == expected)
    }

    @Test(
        "what is none is refused with a word on why",
        arguments: ["", "comm=", "pid=x", "addr=1.2.3", "cmm=x", "4711@soon"]
    )
    func refuses(text: String) {
        #expect(throws: QueryError.self) { try subject(text) }
    }

    private static let almost: [(String, String)] = [
        // The kernel gives no pid as great.
        ("4194304", "no pid"), ("0", "pod=0"), ("99999999", "no pid"), ("0@1h", "no pid"),
        ("10.213.7.2:99999", "no such port"), ("10.0.0.1:0", "no such port"), ("10.0.0.1:", "no such port"),
        ("[::1]:65536", "no such port"), ("999.1.1.1", "no address"), ("1.2", "pod=1.2"), ("[::1", "no address"),
        ("[::1]x", "no address"), ("::1::", "no address"), ("999.1.1.1:80", "no address"), ("[", "no address"),
    ]

    @Test("what looks wholly like a number or an address and is neither is no pod", arguments: almost)
    func refusesAlmost(text: String, part: String) {
        #expect(performing: { try subject(text) }, throws: { "\($0)".contains(part) })
    }

    @Test("a misspelt word in front is told with the nearest")
    func nearest() {
        #expect(performing: { try subject("cmm=x") }, throws: { "\($0)".contains("comm") })
    }

    /// Names that a process may give itself, and that mean something in a filter or a pattern.
    private static let hostile = [
        "plain", "a\"b", "a'b", "a\"'b", "a\\", "\\\"'\\", "x\" or pid = 1 or comm = \"", "(a)*[b]{2}|c^$.+?", "é🦌",
        "a\nb", "]", "a\"\u{301}b", "a\"\u{301}b'\u{301}", "x\"\u{301} or pid = 2 or comm = \"",
    ]

    @Test("a name means itself and no other, whatever it holds", arguments: hostile)
    func quoting(name: String) throws {
        let rows = [name, "other", "other \(name)"].enumerated().map { index, comm in
            StoryFixture.row(
                "tcp_connect",
                Double(index),
                pid: Int64(index + 1),
                ["comm": .string(comm), "pod": .string(comm)]
            )
        }
        let archive = StoryFixture.archive(rows)
        var filters = [Subject.comm(name).filter(isOwn: true), FilterText.equals("pod", name)]
        // Where a pattern has a dot for a quote, the begin of another name may pass.
        if !name.unicodeScalars.contains(where: { ["\"", "'", "\\"].contains($0) }) {
            filters.append(FilterText.begins("pod", with: name))
        }
        for filter in filters {
            var found: [Int64] = []
            try archive.forEach(filter, in: StoryRange()) { row in
                found.append(row.pid)
                return true
            }
            #expect(found == [1], "\(filter)")
        }
    }

    @Test("a glob matches a whole name")
    func glob() throws {
        let names = ["api-1", "api-22", "xapi-1", "api-"]
        let rows = names.enumerated().map {
            StoryFixture.row(
                "tcp_connect",
                Double($0),
                pid: Int64($0 + 1),
                ["pod": .string($1), "namespace": .string("n")]
            )
        }
        func pids(_ text: String) throws -> [Int64] {
            var found: [Int64] = []
            try StoryFixture.archive(rows).forEach(try subject(text).filter(isOwn: true), in: StoryRange()) { row in
                found.append(row.pid)
                return true
            }
            return found
        }
        #expect(try pids("n/api-*") == [1, 2, 4])
        #expect(try pids("n/api-?") == [1])
        #expect(try pids("m/api-*") == [])
    }
}
