import Glibc
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Heap")
    struct LeakCollectorTests {
        let directory = TemporaryDirectory()

        @Test(
            "bytes and allocations that were not freed, by function; nothing of what was freed, or failed",
            arguments: [["-fPIE", "-pie"], ["-no-pie"], ["-static"]]
        )
        func exact(flags: [String]) throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory, with: ["clang"] + flags)
            let program = try LeakyProgram([path])
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            #expect(fixture.poller.problems == [])
            for (name, times) in [
                ("one", 100), ("two", 50), ("tidy", 300), ("calloc", 10), ("realloc", 7), ("posix", 3), ("aligned", 2),
                ("array", 4), ("failing", 5), ("nothing", 6), ("threads", 2),
            ] { program.call(name, times) }
            let all = try fixture.tell()
            let rows = all.of(program.pid)
            #expect(rows.count == all.count, "others were not chosen")
            for (function, count, bytes) in [
                ("leaky_calloc", 10, 10 * 1000), ("leaky_realloc", 7, 7 * 5000), ("leaky_posix", 3, 3 * 4096),
                ("leaky_aligned", 2, 2 * 1280), ("leaky_array", 4, 4 * 1500), ("leaky_failing", 5, 5 * 600),
                ("leaky_two", 50, 50 * 200),
            ] {
                let row = try rows.row(function)
                #expect(row.number("outstanding_allocations") == Int64(count), "\(function)")
                #expect(row.number("outstanding_bytes") == Int64(bytes), "\(function)")
                #expect(row.number("sampled_allocations") == Int64(count), "\(function)")
                #expect(row.number("grown_bytes") == Int64(bytes), "\(function)")
                #expect(row.number("grown_allocations") == Int64(count), "\(function)")
                #expect((0..<20_000_000_000).contains(row.number("oldest_age_ns") ?? -1), "\(function)")
            }
            let ones = rows.filter { $0.string("stack")?.hasPrefix("leaky_one+0x") == true }
            #expect(ones.count == 2, "by main, and by threads")
            #expect(ones.sum("outstanding_bytes") == 102_000 && ones.sum("outstanding_allocations") == 102)
            #expect(
                ones.contains { $0.string("stack")!.contains(" < work+0x") && $0.number("outstanding_bytes") == 2000 }
            )
            // The C library keeps what it needs for threads; all else is the program's.
            let own = rows.filter { $0.string("stack")!.contains("leaky_") }
            #expect(own.sum("outstanding_bytes") == 102_000 + 10_000 + 10_000 + 35_000 + 12_288 + 2560 + 6000 + 3000)
            #expect(!rows.contains { $0.string("stack")!.contains("tidy") || $0.string("stack")!.contains("nothing") })

            let row = try rows.row("leaky_two")
            let stack = try #require(row.string("stack"))
            #expect(stack.contains("(tapio-leaky) < middle+0x") && stack.contains(" < main+0x"), "\(stack)")
            #expect(row.string("comm") == "tapio-leaky")
            #expect(row.number("ppid") == Int64(getpid()) && row.number("uid") == Int64(getuid()))
            #expect(row.number("cgroup_id") ?? 0 > 0)
            #expect(row.number("untracked_bytes") == 0)
            #expect(row.string("stack_id")?.count == 16)
            #expect(row["start_ts"] != .null)
            #expect(row.weight == 1)
            #expect(try fixture.callCount() == 0)
        }

        @Test("what has grown since it was last told, and what was freed is told no more")
        func growth() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            let fixture = try LeakFixture(LeakFixture.options(pids: [program.pid]))
            program.call("one", 10)
            program.call("two", 5)
            let first = try fixture.tell().of(program.pid)
            #expect(try first.row("leaky_one").number("grown_bytes") == 10_000)
            program.call("one", 3)
            let second = try fixture.tell().of(program.pid)
            let one = try second.row("leaky_one")
            #expect(one.number("outstanding_bytes") == 13_000 && one.number("outstanding_allocations") == 13)
            #expect(one.number("grown_bytes") == 3000 && one.number("grown_allocations") == 3)
            #expect(one.string("stack_id") == (try first.row("leaky_one").string("stack_id")))
            #expect(one.string("stack") == (try first.row("leaky_one").string("stack")))
            #expect((900_000_000..<5_000_000_000).contains(one.number("elapsed_ns") ?? 0))
            #expect(try second.row("leaky_two").number("grown_bytes") == 0)
            #expect(one.number("oldest_age_ns")! > 1_000_000_000)
            program.call("drop")
            #expect(try fixture.tell().of(program.pid).isEmpty)
            #expect(try fixture.liveCount() == 0)
            program.call("one", 1)
            #expect(try fixture.tell().of(program.pid).row("leaky_one").number("grown_bytes") == 1000)
        }

        @Test("young allocations are not told before they are of age")
        func minAge() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            var options = LeakFixture.options(comms: ["tapio-leaky"])
            options[LeakCollector.minAge] = 4_000_000_000
            let fixture = try LeakFixture(options)
            program.call("one", 10)
            #expect(try fixture.tell().isEmpty)
            sleep(3)
            let old = try fixture.tell()
            #expect(try old.row("leaky_one").number("outstanding_bytes") == 10_000)
            #expect(try old.row("leaky_one").number("oldest_age_ns")! >= 4_000_000_000)
        }

        @Test("two processes are told apart, and who was not chosen is never told")
        func apart() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let other = try LeakyProgram.build("tapio-other", in: directory)
            let programs = try [LeakyProgram([path]), LeakyProgram([path]), LeakyProgram([other])]
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            programs[0].call("one", 10)
            programs[1].call("one", 20)
            programs[2].call("one", 30)
            let rows = try fixture.tell()
            #expect(try rows.of(programs[0].pid).row("leaky_one").number("outstanding_bytes") == 10_000)
            #expect(try rows.of(programs[1].pid).row("leaky_one").number("outstanding_bytes") == 20_000)
            #expect(rows.count == 2)
            #expect(try fixture.followed() == [programs[0].pid, programs[1].pid].sorted())
        }

        @Test("a process that ends leaves no row, and nothing in the maps")
        func ends() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let (program, other) = (try LeakyProgram([path]), try LeakyProgram([path]))
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            program.call("one", 500)
            other.call("two", 5)
            #expect(try fixture.liveCount(pid: program.pid) == 500)
            program.end()
            try fixture.poll()
            #expect(try fixture.liveCount(pid: program.pid) == 0)
            #expect(try fixture.followed() == [other.pid])
            let rows = try fixture.tell()
            #expect(rows.of(program.pid).isEmpty && rows.of(other.pid).count == 1)
            other.end()
            for _ in 0..<3 { #expect(try fixture.tell().isEmpty) }
            #expect(try fixture.liveCount() == 0 && fixture.stackCount() == 0 && fixture.callCount() == 0)
        }

        @Test("a process that becomes another program begins anew")
        func exec() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            program.call("one", 100)
            program.send("become \(path)")
            program.answer()
            try fixture.poll()
            #expect(try fixture.liveCount(pid: program.pid) == 0)
            program.call("two", 3)
            let rows = try fixture.tell()
            #expect(rows.count == 1)
            #expect(try rows.row("leaky_two").number("outstanding_bytes") == 600)
        }

        @Test("what runs another program than the chosen one is not followed any more")
        func replaced() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let other = try LeakyProgram.build("tapio-other", in: directory)
            let program = try LeakyProgram([path])
            let fixture = try LeakFixture(LeakFixture.options(executables: [path]))
            program.call("one", 10)
            #expect(try fixture.followed() == [program.pid])
            program.send("become \(other)")
            program.answer()
            try fixture.poll()
            program.call("two", 10)
            #expect(try fixture.tell().isEmpty)
            #expect(try fixture.followed() == [] && fixture.liveCount() == 0)
            #expect(fixture.poller.notes == [])
        }

        @Test(
            "a process of a chosen name that starts later is followed from its first call on, whatever it is called then"
        )
        func later() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let first = try LeakyProgram([path])
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"], fromStart: true))
            let program = try LeakyProgram([path, "start"] + [String](repeating: "x", count: 12))
            program.answer()
            program.send("name tapio-renamed")
            program.answer()
            program.call("drop")
            program.call("two", 4)
            let rows = try fixture.tell()
            #expect(rows.of(program.pid).count == 1)
            #expect(try rows.of(program.pid).row("leaky_two").number("outstanding_allocations") == 4)
            #expect(rows.of(first.pid).isEmpty)
            #expect(fixture.poller.notes.count == 1)
            #expect(fixture.poller.notes[0].hasSuffix("calls of all processes are looked at"))
        }

        @Test(
            "a process of a chosen name that starts later is found, and only calls of those that are chosen are looked at"
        )
        func found() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            #expect(fixture.poller.notes == [])
            let program = try LeakyProgram([path])
            usleep(50_000)
            try fixture.poll()
            #expect(fixture.poller.notes.count == 1)
            #expect(fixture.poller.notes[0].hasSuffix("calls of process \(program.pid)"))
            program.call("threads", 8)
            let ones = try fixture.tell().filter { $0.string("stack")?.hasPrefix("leaky_one+0x") == true }
            #expect(ones.sum("outstanding_bytes") == 8000, "all threads of it count")
            // It stays followed, or else what it frees would not be seen.
            program.send("name tapio-renamed")
            program.answer()
            try fixture.poll()
            program.call("drop")
            #expect(try !fixture.tell().contains { $0.string("stack")!.contains("leaky_") })
            program.end()
            try fixture.poll()
            #expect(fixture.poller.notes == [])
        }

        @Test(
            "a process that is chosen by its program is found when it starts, and is no longer followed once it is not"
        )
        func executables() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let fixture = try LeakFixture(LeakFixture.options(executables: [path]))
            #expect(try fixture.tell().isEmpty)
            let (program, other) = (try LeakyProgram([path]), try LeakyProgram([path]))
            usleep(50_000)
            try fixture.poll()
            #expect(fixture.poller.notes.filter { $0.hasSuffix("calls of process \(program.pid)") }.count == 1)
            #expect(!fixture.poller.notes.contains { $0.contains("all processes") })
            program.call("one", 9)
            other.call("two", 9)
            #expect(try fixture.tell().of(program.pid).row("leaky_one").number("outstanding_bytes") == 9000)
            try fixture.reconfigure(LeakFixture.options(pids: [other.pid]))
            #expect(try fixture.followed() == [other.pid])
            #expect(try fixture.liveCount(pid: program.pid) == 0)
            program.call("one", 9)
            other.call("two", 1)
            let rows = try fixture.tell()
            #expect(rows.count == 1)
            #expect(try rows.of(other.pid).row("leaky_two").number("outstanding_allocations") == 10)
            other.end()
            try fixture.poll()
            #expect(fixture.poller.notes == [])
            #expect(fixture.poller.problems == ["there is no process \(other.pid): set collectors.leak.pids anew"])
        }

        @Test("what is drawn stands for all: bytes and allocations, within six standard deviations")
        func sampling() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            var options = LeakFixture.options(comms: ["tapio-leaky"])
            options[LeakCollector.sampleBytes] = 10_000
            let fixture = try LeakFixture(options)
            program.call("one", 20_000)
            program.call("posix", 2000)
            let rows = try fixture.tell().of(program.pid)
            for (function, size, count) in [("leaky_one", 1000.0, 20_000.0), ("leaky_posix", 4096.0, 2000.0)] {
                let row = try rows.row(function)
                // Each is kept with a probability of size by mean: the variance is that of a binomial distribution.
                let kept = count * size / 10_000
                let deviation = (kept * (1 - size / 10_000)).squareRoot() / kept
                let bytes = Double(try #require(row.number("outstanding_bytes")))
                let allocations = Double(try #require(row.number("outstanding_allocations")))
                let samples = Double(try #require(row.number("sampled_allocations")))
                #expect(abs(bytes / (count * size) - 1) < 6 * deviation, "\(function)")
                #expect(abs(allocations / count - 1) < 6 * deviation, "\(function)")
                #expect(abs(samples / kept - 1) < 6 * deviation, "\(function)")
                #expect(bytes == samples * 10_000, "each stands for the mean")
            }
            program.call("drop")
            #expect(try fixture.tell().isEmpty)
            // Larger ones are not drawn.
            try fixture.object.setVariable("sample_bytes", UInt64(1000))
            program.call("posix", 50)
            #expect(try fixture.tell().row("leaky_posix").number("outstanding_bytes") == 50 * 4096)
        }

        @Test("only the largest stacks are told one by one, and sums stay right")
        func top() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            var options = LeakFixture.options(comms: ["tapio-leaky"])
            options[LeakCollector.topStacks] = 2
            let fixture = try LeakFixture(options)
            for name in ["one", "two", "calloc", "realloc", "posix"] { program.call(name, 10) }
            let rows = try fixture.tell().of(program.pid)
            #expect(rows.count == 3)
            #expect(rows.sum("outstanding_bytes") == 10_000 + 2000 + 10_000 + 50_000 + 40_960)
            let others = try #require(rows.first { $0.string("stack") == "[3 more stacks]" })
            #expect(others.number("outstanding_bytes") == 22_000 && others.number("outstanding_allocations") == 30)
            #expect(others["stack_id"] == .null)
        }

        @Test("what finds no room is counted, and said")
        func bounds() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            var options = LeakFixture.options(comms: ["tapio-leaky"])
            options[LeakCollector.maxAllocations] = 1024
            let fixture = try LeakFixture(options)
            program.call("one", 3000)
            let row = try fixture.tell().row("leaky_one")
            let followed = try #require(row.number("outstanding_allocations"))
            #expect((1000...1024).contains(followed))
            #expect(row.number("untracked_bytes") == (3000 - followed) * 1000)
            #expect(
                fixture.poller.problems == [
                    "\(3000 - followed) allocations were not followed: raise collectors.leak.max_allocations or sample_bytes"
                ]
            )
            _ = try fixture.tell()
            #expect(fixture.poller.problems == [])
            #expect(fixture.poller.notes.contains("\(3000 - followed) allocations were not followed since the start"))
        }
    }
}
