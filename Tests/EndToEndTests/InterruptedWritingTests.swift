import Glibc
import TapioTestSupport
import Testing

@testable import tapio

@Suite("A command that is ended while it writes") struct InterruptedWritingTests {
    /// Stops the process where it stands, once a file of it is begun there. False where it was done too soon for that.
    private func freeze(_ child: ChildProcess, writingIn directory: String) throws -> Bool {
        let limit = Deadline(seconds: 60)
        while TestFile.find(directory, suffix: ".tmp").isEmpty {
            if child.wait(seconds: 0) != nil { return false }
            try #require(!limit.isOver, "nothing is begun: \(child.errors)")
            usleep(1_000)
        }
        child.signal(SIGSTOP)
        // All its threads stand still then, or it has ended; that is left for who waits for its end.
        var facts = siginfo_t()
        while waitid(P_PID, id_t(child.pid), &facts, WSTOPPED | WEXITED | WNOWAIT) != 0 {
            try #require(errno == EINTR)
        }
        return !TestFile.find(directory, suffix: ".tmp").isEmpty
    }

    @Test("leaves nothing that is not whole, keeps what was there, and ends as told", arguments: [SIGINT, SIGTERM])
    func ended(signal: Int32) throws {
        let place = TemporaryDirectory()
        let archive = place.file("archive")
        let made = try CommandsBinary.run([
            "bench", "archive", archive, "--rows", "200000", "--group-rows", "10000", "--segment-groups", "5",
        ])
        try #require(made.status == 0, "\(made.error)")
        let out = place.file("out")
        mkdir(out, 0o700)
        let before = out + "/before.ndjson.zst"
        TestFile.write(before, "before")
        let commands = [
            ["export", "--archive", archive, "-o", out + "/new.csv"], ["export", "--archive", archive, "-o", before],
            ["query", "--archive", archive, "--parquet", out + "/rows.parquet"],
            ["merge", archive, "-o", out + "/merged"],
        ]
        for command in commands {
            var child = try ChildProcess(CommandsBinary.path, command, directory: place)
            // A machine with other things to do may look too late.
            for _ in 0..<10 where try !freeze(child, writingIn: out) {
                child.signal(SIGCONT)
                try #require(child.wait(seconds: 60) == .exited(0), "\(command): \(child.errors)")
                TestFile.removeTree(out)
                mkdir(out, 0o700)
                TestFile.write(before, "before")
                child = try ChildProcess(CommandsBinary.path, command, directory: place)
            }
            // Waits for it until it goes on.
            child.signal(signal)
            child.signal(SIGCONT)
            let ending = child.wait(seconds: 60)
            #expect(ending == .exited(ExitStatus.ended(by: signal)), "\(command): \(child.errors)")
            #expect(TestFile.find(out, suffix: "") == [before], "\(command)")
            #expect(TestFile.read(before) == Array("before".utf8), "\(command)")
        }
    }
}
