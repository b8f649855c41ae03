/// Why a command cannot do what was asked, in one line: what, where, and what to do.
struct CommandFailure: Error, CustomStringConvertible {
    let status: ExitStatus
    let description: String

    init(_ status: ExitStatus = .failed, _ description: String) {
        self.status = status
        self.description = description
    }
}
