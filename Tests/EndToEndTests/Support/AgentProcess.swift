import Glibc
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

/// A running `tapio run`, with an archive, a configuration file and a control socket of its own. It is ended with its
/// object, whatever happens.
final class AgentProcess {
    /// What a stopped agent left.
    struct End {
        let ending: ChildProcess.Ending
        let log: String
    }

    /// Where it writes.
    let archive: String
    /// Its configuration file, which a test may rewrite.
    let configPath: String
    let socket: String
    private let directory: TemporaryDirectory
    private let child: ChildProcess

    var pid: pid_t { child.pid }
    /// What it logged so far.
    var log: String { child.errors }
    /// What it printed so far.
    var output: String { child.output }
    /// The archive of its one node.
    var nodeDirectory: String { archive + "/node=test" }

    /// Starts an agent and, unless told otherwise, waits until it answers and its collectors run.
    ///
    /// - Parameters:
    ///   - place: Gets the files of this agent; several agents may share it.
    ///   - archive: The archive's directory; by default `archive` in the place.
    ///   - config: The configuration file's text.
    ///   - settings: Keys and values for `--set`.
    init(
        in place: TemporaryDirectory = TemporaryDirectory(),
        archive: String? = nil,
        name: String = "agent",
        config: String = "",
        settings: [String: String] = [:],
        arguments: [String] = [],
        environment: [String: String] = [:],
        isAwaited: Bool = true
    ) throws {
        directory = place
        self.archive = archive ?? place.file("archive")
        configPath = place.file(name + ".yaml")
        socket = place.file(name + ".sock")
        TestFile.write(configPath, config)
        var values = ["control.socket": socket, "node": "test", "archive.retention.min_free_percent": "0"]
        values.merge(settings) { $1 }
        child = try ChildProcess(
            TapioProgram.path,
            ["run", "--config", configPath, "--archive", self.archive]
                + values.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] } + arguments,
            environment: environment,
            directory: place
        )
        if isAwaited { try waitUntilReady() }
    }

    /// Returns when it answers and all its collectors run; throws what it logged where it does not within a minute.
    func waitUntilReady() throws {
        let ready = wait(seconds: 60) { status in
            status.collectors.allSatisfy { ["running", "disabled", "unavailable"].contains($0.state) }
        }
        if !ready { throw AgentFailure("the agent does not run: \(log)") }
    }

    /// Waits until its status is as wanted; false where it is not in time, or the agent has ended.
    @discardableResult
    func wait(seconds: Double = 30, until condition: (StatusReport) -> Bool) -> Bool {
        let deadline = Deadline(seconds: seconds)
        while !deadline.isOver {
            if let status = try? status(), condition(status) { return true }
            if child.wait(seconds: 0) != nil { return false }
            usleep(20_000)
        }
        return false
    }

    /// Asks it over its control socket.
    func status() throws -> StatusReport { try ControlClient(path: socket).status() }

    func signal(_ number: Int32) { child.signal(number) }

    /// Stops it in order.
    func stop(_ signal: Int32 = SIGTERM) -> End {
        child.signal(signal)
        return awaitEnd()
    }

    /// Waits for its end; kills it, and says so, where that takes more than a minute.
    func awaitEnd() -> End {
        if let ending = child.wait(seconds: 60) { return End(ending: ending, log: log) }
        Issue.record("the agent does not stop: \(log)")
        return kill()
    }

    /// Ends it with SIGKILL.
    @discardableResult
    func kill() -> End {
        child.signal(SIGKILL)
        return End(ending: child.wait(), log: log)
    }
}

/// Why an agent is not as a test needs it.
struct AgentFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
