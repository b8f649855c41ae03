import ArgumentParser
import Foundation
import TapioCollectors
import TapioEvents
import Testing

@testable import tapio

@Suite("docs/commands.md") struct CommandsReferenceTests {
    private static let file = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/commands.md")

    /// The page: what no help says, then each command's help as it is.
    private static var page: String {
        var text = """
            # Commands

            Every command answers `--help` with examples; this page holds those texts.

            - **Output** is for people on a terminal and the same without colours in a pipe; `--json` is for programs. What a
              monitored process chose (names, arguments, paths) is escaped wherever a person reads it, and exact in JSON.
            - **Errors** are one line on standard error, `tapio: error: …`: what, where, what to do. `tapio: note:` and
              `tapio: warning:` tell what an answer lacks. Standard output holds nothing but the answer.
            - **Exit codes**: 0 all is well; 1 it failed, or what was asked about is not well; 2 command line, query or
              configuration is wrong, nothing was done; 3 answered, but parts of the archive are damaged or events are known to be
              missing; 77 privileges are missing; 130 ended by Ctrl-C, 143 by SIGTERM, before it was done. `head` and the like may
              close the pipe: that ends a command silently, with 0.
            - **The archive** is the first of `--archive`, `TAPIO_ARCHIVE_PATH`, the configuration's `archive.path`,
              `/var/lib/tapio`. It may be read while an agent writes it.
            - **The agent** is asked over its control socket: `--socket`, `TAPIO_CONTROL_SOCKET`, the configuration's
              `control.socket`, `/run/tapio/tapio.sock`.

            """
        for (words, type) in CommandsParsingTests.all {
            text +=
                "\n\(words == "tapio" ? "##" : words.split(separator: " ").count > 2 ? "####" : "###") `\(words)`\n\n"
            text += "```\n\(Tapio.helpMessage(for: type, columns: 80))\n```\n"
        }
        return text
    }

    @Test("it holds every command's help as it is")
    func isCurrent() throws {
        if ProcessInfo.processInfo.environment["TAPIO_WRITE_DOCS"] != nil {
            try CommandsReferenceTests.page.write(to: CommandsReferenceTests.file, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: CommandsReferenceTests.file, encoding: .utf8)
        #expect(
            written == CommandsReferenceTests.page,
            "run TAPIO_WRITE_DOCS=1 swift test --filter CommandsReferenceTests"
        )
    }
}

@Suite("docs/events.md") struct EventsReferenceTests {
    private static let file = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/events.md")

    @Test("it holds what `tapio schema --markdown` says")
    func isCurrent() throws {
        let schemas = CollectorRegistry.schemas.schemas
        let text = SchemaText(schemas: schemas, isWhole: true, paint: Paint(usesColour: false))
        let page = text.markdown.map { $0 + "\n" }.joined()
        if ProcessInfo.processInfo.environment["TAPIO_WRITE_DOCS"] != nil {
            try page.write(to: Self.file, atomically: true, encoding: .utf8)
        }
        #expect(
            try String(contentsOf: Self.file, encoding: .utf8) == page,
            "run TAPIO_WRITE_DOCS=1 swift test --filter EventsReferenceTests"
        )
    }
}
