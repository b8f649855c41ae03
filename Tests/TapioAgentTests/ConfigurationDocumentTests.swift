import Glibc
import TapioAgent
import Testing

@Suite("Configuration: its documents say what the parser does")
struct ConfigurationDocumentTests {
    @Test("config/tapio.yaml is what `config default` prints")
    func defaultFile() throws {
        try expectDocument("config/tapio.yaml", testSchema.defaultDocument())
    }

    @Test("docs/configuration.md is made from the declarations")
    func reference() throws {
        try expectDocument("docs/configuration.md", testSchema.reference())
    }

    @Test("the default document parses to the defaults")
    func defaultsParse() throws {
        #expect(try load(testSchema.defaultDocument()).configuration == testSchema.defaults)
    }

    @Test("every key of the default document has its unit, range, default and time of change above it")
    func documented() {
        let lines = testSchema.defaultDocument().split(separator: "\n", omittingEmptySubsequences: false)
        var keys = 0
        for (index, line) in lines.enumerated() {
            let content = line.drop { $0 == " " }
            // A long list stands below its key.
            if content.hasSuffix(":"), lines[index - 1].contains("default: below; change: ") { keys += 1 }
            guard !content.hasPrefix("#"), let colon = content.firstIndex(of: ":"), !content.hasSuffix(":") else {
                continue
            }
            let facts = lines[index - 1]
            for fact in ["unit: ", "; range: ", "; default: ", "; change: "] {
                #expect(facts.contains(fact), "\(line)")
            }
            let value = content[content.index(colon, offsetBy: 2)...]
            if value != "{}" {
                #expect(facts.contains("default: \(value);"), "\(line)")
                keys += 1
            }
            #expect(line.count <= 120 && facts.count <= 120)
        }
        #expect(keys == testSchema.keys.count { !$0.isOneOfMany })
    }

    @Test("a schema without collectors has a valid document too")
    func noCollectors() throws {
        let schema = ConfigurationSchema()
        #expect(try load(schema.defaultDocument(), schema: schema).configuration == AgentConfiguration())
    }

    @Test("`config show` tells every value and where it was given")
    func show() throws {
        let directory = TemporaryDirectory()
        let path = directory.write("tapio.yaml", "archive:\n  path: /data\n")
        let loaded = try ConfigurationLoader(schema: testSchema)
            .load(
                .init(
                    file: .named(path),
                    environment: ["TAPIO_LOG_LEVEL": "debug"],
                    flags: [.init(set: "sampling.process_exec=0.5")]
                )
            )
        let lines = testSchema.show(loaded).split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        #expect(lines.contains("path: /data # \(path):2"))
        #expect(lines.contains("level: debug # TAPIO_LOG_LEVEL"))
        #expect(lines.contains("process_exec: 0.5 # --set sampling.process_exec"))
        #expect(lines.contains("encoders: auto # default"))
        #expect(try load(testSchema.show(loaded)).configuration == loaded.configuration)
    }

    @Test("any valid configuration renders to a file that parses back to it")
    func roundTrip() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<60 {
            let flags = testSchema.keys.compactMap { key -> ConfigurationFlag? in
                guard Bool.random(using: &random) else { return nil }
                return ConfigurationFlag(key: key.path, value: anyValue(of: key, &random).description, spelling: "test")
            }
            // Two values may contradict each other; those are no valid configuration.
            guard let configuration = try? load("", flags: flags.map(unquoted)).configuration else { continue }
            #expect(try load(testSchema.render(configuration)).configuration == configuration)
        }
    }

    /// A flag's text is taken as it is, a file's is YAML.
    private func unquoted(_ flag: ConfigurationFlag) -> ConfigurationFlag {
        guard flag.value.hasPrefix("\""),
            let text = texts.first(where: { ConfigurationValue.text($0).description == flag.value })
        else { return flag }
        return ConfigurationFlag(key: flag.key, value: text, spelling: flag.spelling)
    }

    private let texts = [
        "a", "worker-1.example", "no", "42", "a: b # c", "\"q'", "/x y", "/\\", "/ä€😀", "/&*!|>", "  /", "/\u{202E}",
    ]

    private func anyValue(of key: ConfigurationKey, _ random: inout SystemRandomNumberGenerator) -> ConfigurationValue {
        if let word = key.word, Bool.random(using: &random) { return .word(word) }
        // Not every text is an address.
        if key.path == "http.listen" { return .text(["[::1]:9", "unix:/run/a b"].randomElement(using: &random)!) }
        switch key.type {
        case .flag: return .flag(Bool.random(using: &random))
        case .integer(let range, _): return .integer(Int.random(in: range, using: &random))
        case .choiceOrCount(let words, let range, _):
            return Bool.random(using: &random)
                ? .word(words.randomElement(using: &random)!) : .integer(Int.random(in: range, using: &random))
        case .size(let range): return .bytes(Int.random(in: range, using: &random))
        case .powerOfTwoSize: return .bytes(1 << Int.random(in: 12...30, using: &random))
        case .duration(let range): return .duration(UInt64.random(in: range, using: &random))
        case .probability: return .fraction(Double.random(in: 0.000001...1, using: &random))
        case .fraction(let range): return .fraction(Double.random(in: range, using: &random))
        case .choice(let words): return .word(words.randomElement(using: &random)!)
        case .text: return .text(texts.randomElement(using: &random)!)
        case .list(.choice(let words), _): return .list(Array(words.shuffled(using: &random).prefix(3)))
        case .list(_, let most): return .list(Array(["/etc/a", "/b.c", "/x-y"].prefix(min(most, 2))))
        case .path: return .text(texts.filter { $0.hasPrefix("/") }.randomElement(using: &random)!)
        }
    }

    /// Compares with the repository's file; with TAPIO_WRITE_DOCS set, writes it instead.
    private func expectDocument(_ name: String, _ text: String) throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let path = "\(root)/\(name)"
        let update = getenv("TAPIO_WRITE_DOCS") != nil
        let file = try #require(fopen(path, update ? "w" : "r"), "\(name) is missing")
        defer { fclose(file) }
        if update {
            fputs(text, file)
            return
        }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        let isSame = String(decoding: bytes[..<count], as: UTF8.self) == text
        #expect(isSame, "\(name) is not what the declarations make; run the tests with TAPIO_WRITE_DOCS=1")
    }
}
