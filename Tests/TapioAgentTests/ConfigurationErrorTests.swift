import TapioAgent
import Testing

@Suite("Configuration: what is wrong is said once, where it is, with what to do")
struct ConfigurationErrorTests {
    @Test("an unknown key names the nearest one")
    func unknownKeys() {
        #expect(
            errors(
                "archive:\n  pth: /x\nrigns: {}\nsegment: {}\nfrobnicate: 1\ncollectors:\n  proces: {}\n  process: {arg_bytes: 1}\n"
            )
                == [
                    "2:3 archive.pth is not a key; did you mean archive.path?",
                    "3:1 rigns is not a key; did you mean rings?",
                    "4:1 segment is not a key; did you mean archive.segment?",
                    "5:1 frobnicate is not a key; `tapio config default` lists the keys",
                    "7:3 collectors.proces is not a key; did you mean collectors.process?",
                    "8:13 collectors.process.arg_bytes is not a key; did you mean collectors.process.args_bytes?",
                ]
        )
    }

    @Test(
        "a value of the wrong form or out of its range names what is allowed",
        arguments: [
            ("batch: {max_age: 5}", "1:18 batch.max_age", "a time with its unit", "500ms..1m"),
            ("batch: {max_age: 2m}", "1:18 batch.max_age", "out of range", "500ms..1m"),
            ("batch: {max_rows: lots}", "1:19 batch.max_rows", "whole number of rows", "1024..131072"),
            ("batch: {max_rows: 1}", "1:19 batch.max_rows", "out of range", "1024..131072"),
            ("rings: {urgent_bytes: 5000}", "1:23 rings.urgent_bytes", "power of two", "4KiB..1GiB"),
            ("sampling: {process_exec: 0}", "1:26 sampling.process_exec", "out of range", "0 < p <= 1"),
            (
                "aggregation: {process_fork: sometimes}", "1:29 aggregation.process_fork", "is not",
                "always, overload, off"
            ),
            ("aggregation: {window: 2m}", "1:23 aggregation.window", "out of range", "1s..1m"),
            ("aggregation: {max_aggregates: 0}", "1:31 aggregation.max_aggregates", "out of range", "1..65536"),
            ("sampling: {process_exec: nan}", "1:26 sampling.process_exec", "is not", "0 < p <= 1"),
            ("sampling: {process_exec: 1.5}", "1:26 sampling.process_exec", "out of range", "0 < p <= 1"),
            ("sampling_mode: {tcp_close: thread}", "1:28 sampling_mode.tcp_close", "independent", "process"),
            ("overload: {mode: on}", "1:18 overload.mode", "auto", "off"),
            ("overload: {high: 1}", "1:18 overload.high", "out of range", "0.05..0.95"),
            ("overload: {low: 0}", "1:17 overload.low", "out of range", "0.01..0.9"),
            ("overload: {high: half}", "1:18 overload.high", "a fraction", "0.05..0.95"),
            ("encoders: 65", "1:11 encoders", "auto", "1..64"),
            ("log: {level: loud}", "1:14 log.level", "trace, debug", "critical"),
            ("archive: {path: data}", "1:17 archive.path", "absolute path", "/var/lib/tapio"),
            ("archive: {path: [a]}", "1:17 archive.path", "is a list", "absolute path"),
            (
                "collectors: {syscall: {ignore: [EAGAIN, EWHAT]}}", "1:32 collectors.syscall.ignore", "out of range",
                "EPERM"
            ),
            (
                "collectors: {syscall: {ignore: [EPERM, EPERM]}}", "1:32 collectors.syscall.ignore", "out of range",
                "EPERM"
            ),
            ("collectors: {syscall: {ignore: [[a]]}}", "1:33 collectors.syscall.ignore", "no single value", "EPERM"),
            (
                "collectors: {syscall: {ignore: [EPERM, ~]}}", "1:40 collectors.syscall.ignore", "no single value",
                "list"
            ),
            ("collectors: {syscall: {ignore: {a: b}}}", "1:32 collectors.syscall.ignore", "is keys", "list"),
            ("archive: {path: {a: b}}", "1:17 archive.path", "is keys", "absolute path"),
            ("archive: {path: }", "archive.path", "has no value", "absolute path"),
            ("archive: {path: ~}", "archive.path", "has no value", "absolute path"),
            ("archive: 5", "1:10 archive", "single value where keys are expected", "indented"),
            ("archive: [a]", "1:10 archive", "a list where keys are expected", "indented"),
            ("node: \"a\\nb\"", "1:7 node", "out of range", "one line"),
            ("collectors: {process: {enabled: yes}}", "collectors.process.enabled", "true or false", "true"),
            ("[a, b]", "1:1 -", "holds no keys", "key: value"),
            ("just text", "1:1 -", "holds no keys", "key: value"),
        ] as [(String, String, String, String)]
    )
    func wrongValues(text: String, place: String, what: String, range: String) throws {
        let found = errors(text)
        try #require(found.count == 1)
        #expect(found[0].contains(place) && found[0].contains(what) && found[0].contains(range), "\(found[0])")
    }

    @Test("a key that is written twice is an error at its second place")
    func duplicates() {
        #expect(
            errors("batch:\n  max_rows: 2000\n  # again\n  max_rows: 3000\n")
                == ["4:3 max_rows is written twice, first on line 2; remove one"]
        )
        #expect(
            errors("batch:\n  max_rows: 2000\nbatch.max_rows: 3000\n")
                == ["3:1 batch.max_rows is written twice, first on line 2; remove one"]
        )
    }

    @Test("errors of all sources come together, at most twenty, the others counted")
    func together() throws {
        let lines = (0..<30).map { "unknown\($0): 1" }.joined(separator: "\n")
        let flag = try ConfigurationFlag(set: "archive.pth=/x")
        #expect(
            errors("encoders: x", environment: ["TAPIO_ARCHIVE_PTH": "/x", "TAPIO_ENCODERS": "0"], flags: [flag]).count
                == 4
        )
        let failure = #expect(throws: ConfigurationErrors.self) { try load(lines) }
        #expect(failure?.errors.count == 20)
        #expect(failure?.omitted == 10)
        #expect(failure?.description.hasSuffix("and 10 more; correct these first") == true)
    }

    @Test("an error is one line that editors understand")
    func rendering() throws {
        let directory = TemporaryDirectory()
        let path = directory.write("tapio.yaml", "batch:\n  max_age: 2m\n")
        let failure = #expect(throws: ConfigurationErrors.self) {
            try ConfigurationLoader(schema: testSchema).load(.init(file: .named(path)))
        }
        #expect(
            failure?.description == """
                \(path):2:12: error: batch.max_age: "2m" is out of range: it must be a time with its unit as in 5s, 500ms or \
                1m30s, 500ms..1m; correct or remove it, the default is 5s
                """
        )
    }

    @Test("no text of a file or the environment can break the line or reach the terminal raw")
    func hostileText() throws {
        let failure = #expect(throws: ConfigurationErrors.self) {
            try load("\"a\\e[2J\\nb\": 1\n", environment: ["TAPIO_\u{1B}[2J": "x", "TAPIO_NODE": "a\u{1B}[2J\n"])
        }
        let text = failure?.description ?? ""
        #expect(text.split(separator: "\n").count == 3)
        #expect(!text.contains("\u{1B}"))
    }

    @Test("unknown variables and flags name the nearest one")
    func environmentAndFlags() throws {
        let flag = try ConfigurationFlag(set: "log.levle=debug")
        #expect(
            errors("", environment: ["TAPIO_ARCHIVE_PTH": "/x"], flags: [flag]) == [
                "0:0 - sets no key; did you mean TAPIO_ARCHIVE_PATH?",
                "0:0 log.levle is not a key; did you mean log.level?",
            ]
        )
        #expect(throws: ConfigurationError.self) { try ConfigurationFlag(set: "archive.path") }
        #expect(throws: ConfigurationError.self) { try ConfigurationFlag(set: "=x") }
        #expect(try ConfigurationFlag(set: "a=b=c").value == "b=c")
    }

    @Test("values that contradict each other are an error at the one that was given")
    func conflicts() {
        #expect(
            errors("reader: {drain_interval: 50ms, idle_interval: 10ms}").first?.hasPrefix(
                "1:47 reader.idle_interval 10ms is shorter"
            ) == true
        )
        #expect(
            errors("http: {listen: node-1}").first
                == "1:16 http.listen node-1 is no address to listen on: it has no port; "
                + "write it as 127.0.0.1:19464, [::1]:19464, unix:/run/tapio/http.sock or off"
        )
        #expect(
            errors("overload: {high: 0.3, low: 0.4}").first?.hasPrefix(
                "1:28 overload.low 0.4 is not below overload.high, 0.3"
            ) == true
        )
        #expect(
            errors("archive: {segment: {max_bytes: 16GiB}}").first?.hasPrefix(
                "1:32 archive.retention.max_bytes 8GiB is less"
            ) == true
        )
        #expect(
            errors("{reader: {cpu: 0}, readers: per-cpu}").first?.hasPrefix(
                "1:16 reader.cpu 0 would pin all of readers, per-cpu, to one CPU"
            ) == true
        )
    }
}
