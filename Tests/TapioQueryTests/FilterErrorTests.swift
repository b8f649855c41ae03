import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Filters that are wrong")
struct FilterErrorTests {
    /// With what fields can hold.
    private static let schema = QuerySchema(
        columns: MemoryArchive.schema.columns + [.destinationAddress, .error],
        kinds: MemoryArchive.schema.kinds,
        values: FieldValues.known(SchemaRegistry([])).merging(
            ["dst_addr": .addresses, "error": .names(["ENOSPC"], orNumber: true)]
        ) { $1 }
    )

    private func error(_ filter: String, knowsValues: Bool = false) -> String {
        var spec = QuerySpec()
        spec.filter = filter
        do {
            _ = try Query(spec, schema: knowsValues ? Self.schema : MemoryArchive.schema)
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test(
        "an error points at what is wrong and says what was perhaps meant",
        arguments: [
            (
                "kind=tcp_close and durration_ns>50ms",
                """
                no field "durration_ns"; did you mean "duration_ns"?
                  kind=tcp_close and durration_ns>50ms
                                     ^~~~~~~~~~~~
                """
            ),
            (
                "kind = tcp_clsoe",
                """
                no kind "tcp_clsoe"; did you mean "tcp_close"?
                  kind = tcp_clsoe
                         ^~~~~~~~~
                """
            ),
            (
                "comm != null",
                """
                nothing compares with null: write comm is not null
                  comm != null
                          ^~~~
                """
            ),
            (
                "comm > 5",
                """
                comm is text: the number 5 does not compare with it; in quotes it is text too
                  comm > 5
                         ^
                """
            ),
            (
                "pid > abc",
                """
                pid is a number: "abc" does not compare with it
                  pid > abc
                        ^~~
                """
            ),
            (
                "pid > 5ms",
                """
                pid is a number: "5ms" is a time
                  pid > 5ms
                        ^~~
                """
            ),
            (
                "duration_ns > 5MB",
                """
                duration_ns is a duration: "5MB" is a size
                  duration_ns > 5MB
                                ^~~
                """
            ),
            (
                "pid ~ \"1.*\"",
                """
                pid is a number: ~ compares text only
                  pid ~ "1.*"
                        ^~~~~
                """
            ),
            (
                "pod ~ \"api-[a\"",
                """
                pattern: this set is never closed
                  pod ~ "api-[a"
                             ^
                """
            ),
            (
                "(pid = 1 or comm = a",
                """
                this parenthesis is never closed
                  (pid = 1 or comm = a
                  ^
                """
            ),
            (
                "pid = 1)",
                """
                no parenthesis is open here
                  pid = 1)
                         ^
                """
            ),
            (
                "pid = 1 comm = a",
                """
                expected "and", "or" or the end
                  pid = 1 comm = a
                          ^~~~
                """
            ),
            (
                "comm = \"abc",
                """
                this quote is never closed
                  comm = "abc
                         ^
                """
            ),
            (
                "pid",
                """
                expected one of = != < <= > >= ~ !~, "in" or "is" after "pid"
                  pid
                     ^
                """
            ),
            (
                "pid =",
                """
                expected a value
                  pid =
                       ^
                """
            ),
            (
                "pod is nul",
                """
                expected "null"
                  pod is nul
                         ^~~
                """
            ),
            (
                "comm = \"日\u{1b}本\" and pidd = 1",
                """
                no field "pidd"; did you mean "pid"?
                  comm = "日\\x1b本" and pidd = 1
                                        ^~~~
                """
            ),
            (
                "ts > yesterday",
                """
                ts is a time: write it like "2026-03-04T05:06:07Z"
                  ts > yesterday
                       ^~~~~~~~~
                """
            ),
        ]
    )
    func carets(_ filter: String, _ shown: String) {
        #expect(error(filter) == shown)
    }

    @Test(
        "a value that its field never has is an error, not an answer without rows",
        arguments: [
            (
                "priority = hihg",
                "priority is never \"hihg\"; did you mean \"high\"?\n  priority = hihg\n             ^~~~"
            ),
            (
                "priority in (high, 'urgent')",
                "priority is never \"urgent\", which is one of critical, high, normal, low\n"
                    + "  priority in (high, 'urgent')\n                     ^~~~~~~~"
            ),
            (
                "priority != hihg",
                "priority is never \"hihg\"; did you mean \"high\"?\n  priority != hihg\n              ^~~~"
            ),
            (
                "priority < high",
                "priority has names as values, and they have no order: compare with = or in\n"
                    + "  priority < high\n  ^~~~~~~~"
            ),
            (
                "kind > tcp_close",
                "kind has names as values, and they have no order: compare with = or in\n"
                    + "  kind > tcp_close\n  ^~~~"
            ),
            (
                "dst_ip = \"10.213.7.300\"",
                "dst_ip is an address: \"10.213.7.300\" is none; ~ compares a part of it\n"
                    + "  dst_ip = \"10.213.7.300\"\n           ^~~~~~~~~~~~~~"
            ),
            (
                "time > 10m",
                "time is a time: write it like \"2026-03-04T05:06:07Z\"\n  time > 10m\n         ^~~"
            ),
        ]
    )
    func values(_ filter: String, _ shown: String) {
        #expect(error(filter, knowsValues: true) == shown)
    }

    @Test("values that a field may have are none", arguments: ["priority = high", "priority ~ hi", "error = 133"])
    func rightValues(_ filter: String) {
        #expect(error(filter, knowsValues: true) == "no error")
    }

    @Test("an address is found in whatever notation it is written")
    func addresses() throws {
        for (text, plain) in [
            ("2001:DB8:0::1", "2001:db8::1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("10.0.0.1", "10.0.0.1"),
        ] {
            var binder = FilterBinder(schema: Self.schema, text: text)
            let bound = try binder.bind(try FilterParser.parse("dst_addr = \"\(text)\""))
            #expect(bound == .leaf(Filter.Leaf(column: "dst_addr", test: .text(.equal, Array(plain.utf8)))))
        }
    }

    @Test("nesting without end is refused, not a crash")
    func nesting() {
        #expect(error(String(repeating: "(", count: 50_000)).contains("nested deeper"))
        #expect(error(String(repeating: "not ", count: 10_000)).contains("nested deeper"))
        #expect(error(String(repeating: "a", count: 70_000)).contains("at most 65536"))
    }

    @Test("random text never crashes the parser")
    func random() {
        let pieces = [
            "pid", "=", "comm", "(", ")", "and", "or", "not", "in", "\"", "'", "a", "~", ",", "is", "null", "5ms", "\\",
            "[", "é", " ",
        ]
        for _ in 0..<3000 {
            _ = error(
                (0..<Int.random(in: 0..<12)).map { _ in pieces.randomElement()! }.joined(
                    separator: Bool.random() ? " " : ""
                )
            )
        }
    }

    @Test("what to compute is checked as well")
    func aggregates() {
        func wrong(group: [String] = [], _ aggregates: [String] = [], order: String? = nil) -> String {
            var spec = QuerySpec()
            spec.groupBy = group
            spec.aggregates = aggregates
            spec.order = order
            do {
                _ = try Query(spec, schema: MemoryArchive.schema)
                return "no error"
            } catch {
                return error.description
            }
        }
        #expect(wrong(["p99(comm)"]) == "comm is text: no p99 of it\n  p99(comm)\n      ^~~~")
        #expect(wrong(["summ(pid)"]) == "no function \"summ\"; did you mean \"sum\"?\n  summ(pid)\n  ^~~~")
        #expect(wrong(["sum"]) == "sum of what? Write sum(field)\n  sum\n  ^~~")
        #expect(wrong(group: ["knd"]) == "no field \"knd\"; did you mean \"kind\"?\n  knd\n  ^~~")
        #expect(
            wrong(group: ["time(10x)"])
                == "\"10x\" is no length of time: write one with its unit, like time(10s)\n  time(10x)\n       ^~~"
        )
        #expect(
            wrong(group: ["time(5ns)"])
                == "a bucket of time is at least 1us long, like time(10s)\n  time(5ns)\n       ^~~"
        )
        #expect(
            wrong(group: ["kind"], order: "-cout").hasPrefix(
                "no column \"cout\" in the answer; did you mean \"count\"?"
            )
        )
        #expect(wrong(["p101(pid)"]).hasPrefix("no function"))
        #expect(wrong(["p99.9(pid)", "count(*)", "median(duration_ns)"]) == "no error")
    }

    @Test("points in time")
    func timePoints() throws {
        let now = try #require(HumanTime.nanoseconds(rfc3339: "2026-03-04T12:00:00Z"))
        #expect(try TimePoint.parse("10m", nowNs: now) == now - 600_000_000_000)
        #expect(try TimePoint.parse("2026-03-04T11:00:00Z", nowNs: now) == now - 3_600_000_000_000)
        #expect(try TimePoint.parse("11:30", nowNs: now) == now - 1_800_000_000_000)
        #expect(try TimePoint.parse("12:30", nowNs: now) == now - 84_600_000_000_000)
        #expect(try TimePoint.parse("12:30", nowNs: now, utcOffset: 3600) == now - 1_800_000_000_000)
        #expect(throws: QueryError.self) { try TimePoint.parse("soon", nowNs: now) }
        do {
            _ = try TimePoint.parse("-10m", nowNs: now)
            Issue.record("no error")
        } catch {
            #expect(error.message == "-10m is negative: 10m is that long before now already")
        }
    }
}
