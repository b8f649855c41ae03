import ArgumentParser

/// How a command ended: the same five codes for all commands.
enum ExitStatus: Int32, CaseIterable {
    /// Done, and all is well.
    case ok = 0
    /// It failed, or what was asked about is not well.
    case failed = 1
    /// The command line, a query or the configuration is wrong: nothing was done.
    case usage = 2
    /// Answered, but parts of the archive are damaged or known to be missing.
    case incomplete = 3
    /// Privileges are missing (77 as EX_NOPERM of sysexits.h).
    case privileges = 77

    /// For `--help`.
    static let documentation = """
          0   Done, and all is well.
          1   It failed, or what was asked about is not well.
          2   Command line, query or configuration is wrong: nothing was done.
          3   Answered, but parts of the archive are damaged or missing.
          77  Privileges are missing.
          130 Ended by Ctrl-C (143: by SIGTERM) before it was done.
        """

    /// As shells report a command that a signal ended.
    static func ended(by signal: Int32) -> Int32 { 128 + signal }

    /// Ends the command with this code without another word.
    var code: ExitCode { ExitCode(rawValue) }
}
