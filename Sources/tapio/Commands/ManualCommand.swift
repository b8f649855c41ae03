import ArgumentParser
import Foundation

struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the manual pages of all commands, for man(1).",
        discussion: """
            Makes the directory and a file for each command in it. The date is that of SOURCE_DATE_EPOCH where that is \
            set, else today's. Installing does this; nobody else has to.

            EXAMPLES
              tapio manual --into /usr/local/share/man/man1
            """,
        shouldDisplay: false
    )

    @Option(help: ArgumentHelp("The directory.", valueName: "dir"))
    var into: String

    func run() throws {
        let commands = try CommandDescription.program().all
        let date = Self.date(ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"])
        do {
            try FileManager.default.createDirectory(atPath: into, withIntermediateDirectories: true)
            for command in commands {
                let page = ManualPage(command: command, others: commands, date: date)
                try page.text.write(toFile: into + "/" + page.fileName, atomically: true, encoding: .utf8)
            }
        } catch {
            throw CommandFailure(.failed, "manual pages cannot be written to \(into): \(error.localizedDescription)")
        }
    }

    /// As mdoc(7) wants it: November 26, 2026.
    private static func date(_ epoch: String?) -> String {
        let moment = epoch.flatMap { TimeInterval($0) }.map { Date(timeIntervalSince1970: $0) } ?? Date()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? calendar.timeZone
        let parts = calendar.dateComponents([.year, .month, .day], from: moment)
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ]
        return "\(months[(parts.month ?? 1) - 1]) \(parts.day ?? 1), \(parts.year ?? 1970)"
    }
}
