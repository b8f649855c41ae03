import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Impossible values are named with file, line and range, at check, start and reload alike")
    struct ImpossibleValuesTests {
        /// A file that is wrong: where, and what its error says.
        struct Mistake: Sendable {
            let text: String
            let place: String
            let says: [String]
        }

        static let mistakes = [
            Mistake(text: "rings:\n  urgent_bytes: 0\n", place: "2:17", says: ["rings.urgent_bytes", "4KiB..1GiB"]),
            Mistake(text: "rings:\n  bulk_bytes: 3MiB\n", place: "2:15", says: ["power of two", "4KiB..1GiB"]),
            Mistake(text: "sampling:\n  process_fork: 1.5\n", place: "2:17", says: ["0 < p <= 1"]),
            Mistake(text: "sampling:\n  process_fork: 0\n", place: "2:17", says: ["0 < p <= 1"]),
            Mistake(text: "reader:\n  cpu: 8000\n", place: "2:8", says: ["no CPU of this machine", "one of 0"]),
            Mistake(text: "readers: 0\n", place: "1:10", says: ["auto, per-cpu or 1..1024"]),
            Mistake(text: "readers: 1024\n", place: "1:10", says: ["more than the CPUs", "auto, per-cpu or 1.."]),
            Mistake(text: "encoders: 65\n", place: "1:11", says: ["1..64"]),
        ]

        private static let ringSum = Mistake(
            text: "rings:\n  urgent_bytes: 128MiB\n  bulk_bytes: 256MiB\n",
            place: "3:15",
            says: ["rings.bulk_bytes", "more than half of the 512MiB that the control group allows", "at most"]
        )

        private func expect(
            _ text: String,
            tells mistake: Mistake,
            in file: String,
            at place: SourceLocation = #_sourceLocation
        ) {
            #expect(text.contains("\(file):\(mistake.place): "), "\(text)", sourceLocation: place)
            for part in mistake.says { #expect(text.contains(part), "\(text)", sourceLocation: place) }
        }

        private func expectRefused(_ mistake: Mistake, through wrapper: [String] = []) throws {
            let place = TemporaryDirectory()
            let file = place.file("wrong.yaml")
            TestFile.write(file, mistake.text)
            let check = try TapioProgram.run(["config", "check", "--config", file], through: wrapper)
            #expect(check.exitCode == 2)
            expect(check.errors, tells: mistake, in: file)
            let run = try TapioProgram.run(
                ["run", "--for", "1s", "--config", file, "--archive", place.file("archive")],
                through: wrapper
            )
            #expect(run.exitCode == 2)
            expect(run.errors, tells: mistake, in: file)
            #expect(access(place.file("archive"), F_OK) != 0, "nothing was begun")
        }

        private func expectReloadRefused(_ mistake: Mistake, _ agent: AgentProcess) throws {
            let before = try agent.status()
            TestFile.write(agent.configPath, mistake.text)
            agent.signal(SIGHUP)
            let refusals = before.configuration.failedReloads + 1
            #expect(agent.wait { $0.configuration.failedReloads == refusals }, "\(mistake.text): \(agent.log)")
            let after = try agent.status()
            #expect(after.configuration.hash == before.configuration.hash)
            #expect(after.configuration.reloads == before.configuration.reloads)
            expect(after.configuration.lastReload?.message ?? "", tells: mistake, in: agent.configPath)
        }

        @Test("at check and at start", arguments: mistakes)
        func atStart(mistake: Mistake) throws { try expectRefused(mistake) }

        @Test("at reload, which changes nothing then")
        func atReload() throws {
            let agent = try AgentProcess()
            for mistake in Self.mistakes { try expectReloadRefused(mistake, agent) }
            // It is well after all that, and takes a file that is right.
            TestFile.write(agent.configPath, "batch:\n  max_age: 1s\n")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.configuration.reloads == 1 })
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("rings beyond half of what the control group allows", .enabled(if: MemoryGroup.isPossible))
        func ringSum() throws {
            let group = try #require(MemoryGroup(limitBytes: 512 << 20))
            try expectRefused(Self.ringSum, through: group.wrapper)
            let agent = try AgentProcess()
            group.add(agent.pid)
            try expectReloadRefused(Self.ringSum, agent)
            #expect(agent.stop().ending == .exited(0))
        }
    }
}
