import ArgumentParser
import Glibc
import TapioAgent

/// Which running agent is asked.
struct AgentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The agent's control socket. Default: $TAPIO_CONTROL_SOCKET, else the configuration's control.socket (\(AgentConfiguration().control.socket)).",
            valueName: "path"
        )
    )
    var socket: String?

    var client: ControlClient {
        if let socket { return ControlClient(path: socket) }
        if let named = unsafe getenv("TAPIO_CONTROL_SOCKET"), unsafe named.pointee != 0 {
            return unsafe ControlClient(path: String(cString: named))
        }
        let loaded = try? ConfigurationOptions.load()
        return ControlClient(path: (loaded?.configuration ?? AgentConfiguration()).control.socket)
    }
}
