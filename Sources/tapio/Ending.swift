import ArgumentParser
import Glibc
import TapioAgent
import TapioEvents
import TapioQuery

/// How the process ends after an error: what is said, where, and with which code.
struct Ending: Equatable {
    var output = ""
    var error = ""
    var status: Int32

    /// Sorts out what a command threw.
    init(of thrown: any Error) {
        switch thrown {
        case is OutputClosed:
            self.init(status: ExitStatus.ok.rawValue)
        case let code as ExitCode:
            self.init(status: code.rawValue)
        case let failure as CommandFailure:
            self.init(error: failure.description, status: failure.status.rawValue)
        case let errors as ConfigurationErrors:
            // As compilers write them, but for the word that stands in front of each line here.
            let lines = errors.description.split(separator: "\n").map {
                $0.replacing(": error: ", with: ": ", maxReplacements: 1)
            }
            self.init(error: lines.joined(separator: "\n"), status: ExitStatus.usage.rawValue)
        case let wrong as QueryError:
            self.init(error: wrong.description, status: ExitStatus.usage.rawValue)
        case let refused as ControlSocketError where refused.errno == EACCES || refused.errno == EPERM:
            self.init(error: refused.description, status: ExitStatus.privileges.rawValue)
        default:
            self.init(ofParsing: thrown)
        }
    }

    private init(output: String = "", error: String = "", status: Int32) {
        self.output = output
        self.error = error
        self.status = status
    }

    private init(ofParsing thrown: any Error) {
        let code = Tapio.exitCode(for: thrown)
        if code.isSuccess {
            self.init(output: Tapio.fullMessage(for: thrown), status: ExitStatus.ok.rawValue)
            return
        }
        guard code == .validationFailure else {
            self.init(error: Tapio.message(for: thrown), status: ExitStatus.failed.rawValue)
            return
        }
        // The parser's message ends in "See 'tapio query --help' for more information.": keep what it names.
        let full = Tapio.fullMessage(for: thrown)
        let hint = full.split(separator: "'").last { $0.hasSuffix(" --help") } ?? "tapio --help"
        let message = Tapio.message(for: thrown).split(separator: "\n").joined(separator: "; ")
        let joint = message.hasSuffix("?") ? " See " : "; see "
        self.init(error: "\(message.trimmingSuffix("."))\(joint)\(hint)", status: ExitStatus.usage.rawValue)
    }

    /// Says it and ends the process.
    func end() -> Never {
        if !output.isEmpty {
            let out = Output()
            do {
                try out.line(output)
                try out.flush()
            } catch {
                // As of any command's output; the ending of that has none.
                Ending(of: error).end()
            }
        }
        if !error.isEmpty {
            // The first line says it; a query's others point at the place.
            for line in error.split(separator: "\n") {
                // What was typed stands in some of them: it may have come from anywhere.
                let text = TerminalText.escape(String(line))
                StandardError.line(text.hasPrefix("  ") ? text : "tapio: error: \(text)")
            }
        }
        exit(status)
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        last == character ? String(dropLast()) : self
    }
}
