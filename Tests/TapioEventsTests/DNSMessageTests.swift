import TapioEvents
import Testing

@Suite("DNS messages")
struct DNSMessageTests {
    /// A message with one question, and what is put behind it.
    private func message(_ name: [UInt8], type: UInt8 = 1, answers: UInt8 = 0, _ rest: [UInt8] = []) -> [UInt8] {
        [0x12, 0x34, 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0] + name + [0, type, 0, 1] + rest
    }

    private func label(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    private var example: [UInt8] { label("www") + label("Example") + label("ORG") + [0] }

    @Test("name and type of the question, in lower case")
    func question() {
        let read = DNSMessage(message(example, type: 28))
        #expect(read.text(.name) == "www.example.org" && read.text(.type) == "AAAA" && read.text(.answers) == nil)
        #expect(DNSMessage(message([0], type: 2)).text(.name) == ".")
        #expect(DNSMessage(message(example, type: 99)).text(.type) == "TYPE99")
    }

    @Test("answers of all sorts, names by pointers")
    func answers() {
        let at: [UInt8] = [0xc0, 12]
        func answer(_ type: UInt8, _ data: [UInt8]) -> [UInt8] {
            at + [0, type, 0, 1, 0, 1, 0x51, 0x80, 0, UInt8(data.count)] + data
        }
        let rest =
            answer(1, [192, 0, 2, 7]) + answer(28, [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1])
            + answer(5, label("alias") + [0xc0, 16]) + answer(15, [0, 10] + at)
            + answer(33, [0, 1, 0, 2, 1, 0xbb] + at)
            + answer(16, label("text"))
        let read = DNSMessage(message(example, answers: 6, rest)).text(.answers)
        #expect(
            read
                == "A 192.0.2.7 86400,AAAA 2001:db8::1 86400,CNAME alias.example.org 86400,"
                + "MX www.example.org 86400,SRV www.example.org:443 86400,TXT 86400"
        )
    }

    @Test("bytes that no terminal or query should see are escaped as in zone files")
    func escapes() {
        let name = [UInt8(5), 0x1b, UInt8(ascii: "."), UInt8(ascii: "\\"), 0xff, UInt8(ascii: " ")] + [0]
        #expect(DNSMessage(message(name)).text(.name) == "\\027\\.\\\\\\255\\032")
    }

    @Test(
        "pointers that lead in circles or forward, names without end, a message of nothing: no answer, and an end",
        arguments: [
            [0xc0, 12], [0xc0, 14, 0xc0, 12], [0xc0, 0xff], [0xc0], [0x80, 1], [0x40], [63], [],
        ] as [[UInt8]]
    )
    func hostileNames(name: [UInt8]) {
        let bytes = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name
        let read = DNSMessage(bytes)
        #expect(read.text(.name) == nil && read.text(.type) == nil && read.text(.answers) == nil)
    }

    @Test("a name of more than 255 bytes is none")
    func longName() {
        let long = Array([[UInt8]](repeating: label(String(repeating: "a", count: 63)), count: 5).joined()) + [0]
        #expect(DNSMessage(message(long)).text(.name) == nil)
        let many = Array([[UInt8]](repeating: label("a"), count: 127).joined()) + [0]
        #expect(DNSMessage(message(many)).text(.name)?.utf8.count == 253)
    }

    /// An answer of that owner, for so many seconds.
    private func answer(_ owner: [UInt8], _ type: UInt8, _ seconds: UInt32, _ data: [UInt8]) -> [UInt8] {
        owner + [0, type, 0, 1] + (0..<4).map { UInt8(truncatingIfNeeded: seconds >> (24 - 8 * $0)) }
            + [0, UInt8(data.count)] + data
    }

    @Test("an answer names addresses over aliases, each for the shortest time on the way")
    func addresses() throws {
        let alias = label("cdn") + label("net") + [0]
        let rest =
            answer([0xc0, 12], 5, 300, alias) + answer(alias, 1, 60, [10, 9, 8, 1])
            + answer(alias, 1, 600, [10, 9, 8, 2])
            + answer(alias, 1, 600, [10, 9, 8, 2])
        let read = try #require(DNSMessage(message(example, answers: 4, rest)).addresses())
        #expect(read.name == "www.example.org")
        #expect(read.addresses.map(\.bytes.text) == ["10.9.8.1", "10.9.8.2"])
        #expect(read.addresses.map(\.seconds) == [60, 300])
        let v6 = answer([0xc0, 12], 28, 5, [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1])
        let second = try #require(DNSMessage(message(example, type: 28, answers: 1, v6)).addresses())
        #expect(second.addresses.map(\.bytes.text) == ["2001:db8::1"])
        // A time to live with the highest bit is none (RFC 2181).
        let never = answer([0xc0, 12], 1, 0x8000_0001, [10, 0, 0, 1])
        #expect(DNSMessage(message(example, answers: 1, never)).addresses()?.addresses.first?.seconds == 0)
    }

    @Test("an address that an answer gives to another name is none of the name that was asked for")
    func foreignAddresses() throws {
        let victim = label("bank") + label("example") + [0]
        let rest =
            answer(victim, 1, 60, [10, 6, 6, 6]) + answer([0xc0, 12], 1, 60, [10, 0, 0, 1])
            + answer([0xc0, 12], 1, 60, [10, 0, 0])
        let read = try #require(DNSMessage(message(example, answers: 3, rest)).addresses())
        #expect(read.name == "www.example.org" && read.addresses.map(\.bytes.text) == ["10.0.0.1"])
        // A question, an error, and a question about something else name nothing.
        var question = message(example, answers: 1, answer([0xc0, 12], 1, 60, [10, 0, 0, 1]))
        #expect(DNSMessage(question).addresses() != nil)
        question[3] = 0x83
        #expect(DNSMessage(question).addresses() == nil)
        question[3] = 0x80
        question[2] = 0x01
        #expect(DNSMessage(question).addresses() == nil)
        #expect(DNSMessage(message(example, type: 15, answers: 1, rest)).addresses() == nil)
    }

    @Test("any bytes, any cut: reading ends, within bounds")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let good = message(
            example,
            answers: 2,
            [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1, 0xc0, 12, 0, 5, 0, 1]
        )
        for round in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] =
                    Bool.random(using: &random)
                    ? 0xc0 | UInt8.random(in: 0...1, using: &random) : .random(in: 0...255, using: &random)
            }
            if round % 3 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) }
            if round % 50 == 0 {
                bytes = (0..<512).map { _ in UInt8.random(in: 0...255, using: &random) }
            }
            let read = DNSMessage(bytes)
            let name = read.text(.name) ?? ""
            #expect(name.utf8.count <= 4 * 255)
            #expect(name.utf8.allSatisfy { (0x21...0x7e).contains($0) })
            #expect((read.text(.answers) ?? "").utf8.count < 64 * 1100)
            _ = read.text(.type)
            let named = read.addresses()
            #expect((named?.addresses.count ?? 0) <= DNSMessage.mostAddresses)
            #expect((named?.name ?? "").utf8.allSatisfy { (0x21...0x7e).contains($0) })
        }
    }
}
