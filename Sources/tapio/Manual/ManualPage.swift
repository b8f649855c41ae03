import TapioAgent

/// A command's manual page in the language mdoc(7).
///
/// What follows a line in capitals in a command's discussion, such as EXAMPLES, is a section of its own and laid out as it
/// is; the rest is paragraphs.
struct ManualPage {
    /// The command.
    let command: CommandDescription
    /// Every command that has a page.
    let others: [CommandDescription]
    /// As in "November 26, 2026".
    let date: String

    /// The file's name: tapio-config-check.1.
    var fileName: String { name + ".1" }

    private var name: String { Self.name(command) }

    private static func name(_ command: CommandDescription) -> String { command.words.joined(separator: "-") }

    /// The page.
    var text: String {
        var lines = [
            ".Dd \(date)", ".Dt \(name.uppercased()) 1", ".Os tapio \(TapioVersion.current)", ".Sh NAME",
            ".Nm \(name)", ".Nd \(Self.oneLine(command.abstract ?? command.commandName))", ".Sh SYNOPSIS",
        ]
        lines += synopsis
        let discussion = Discussion(command.discussion ?? "")
        lines += [".Sh DESCRIPTION"] + Self.paragraphs(discussion.paragraphs)
        lines += options
        // Those that every manual may have come under its names and in its order, after all others.
        let ordered = [("ENVIRONMENT", "ENVIRONMENT"), ("EXIT CODES", "EXIT STATUS"), ("EXAMPLES", "EXAMPLES")]
        let (known, own) = (ordered.map(\.0), discussion.sections)
        for section in own where !known.contains(section.title) {
            lines += [".Sh \(section.title)"] + Self.literal(section.lines)
        }
        for (title, heading) in ordered {
            guard let section = own.first(where: { $0.title == title }) else { continue }
            lines += [".Sh \(heading)"] + Self.literal(section.lines)
        }
        lines += seeAlso
        return lines.joined(separator: "\n") + "\n"
    }

    private var shown: [CommandDescription.Argument] { (command.arguments ?? []).filter(\.shouldDisplay) }

    private var synopsis: [String] {
        var lines = [".Nm \(command.words.joined(separator: " "))"]
        if command.subcommands?.isEmpty == false { return lines + [".Ar subcommand", ".Op Ar options"] }
        for argument in shown {
            let repeated = argument.isRepeating ? " ..." : ""
            if argument.kind == "positional" {
                let value = "Ar \(Self.escape(argument.valueName ?? "value"))\(repeated)"
                lines.append(argument.isOptional ? ".Op \(value)" : ".\(value)")
            } else if let name = argument.names?.first(where: { $0.kind == "long" }) ?? argument.names?.first {
                let flag = "Fl \(Self.flag(name))"
                let value = argument.kind == "option" ? " Ar \(Self.escape(argument.valueName ?? "value"))" : ""
                lines.append(argument.isOptional ? ".Op \(flag)\(value)\(repeated)" : ".\(flag)\(value)")
            }
        }
        return lines
    }

    private var options: [String] {
        guard !shown.isEmpty || command.subcommands?.isEmpty == false else { return [] }
        var lines = [".Bl -tag -width Ds"]
        for child in (command.subcommands ?? []) where child.shouldDisplay != false && child.commandName != "help" {
            lines += [".It Cm \(Self.escape(child.commandName))"] + Self.filled(child.abstract ?? "")
        }
        for argument in shown {
            let value = Self.escape(argument.valueName ?? "value")
            if argument.kind == "positional" {
                lines.append(".It Ar \(value)")
            } else {
                let names = (argument.names ?? []).map { "Fl \(Self.flag($0))" }.joined(separator: " , ")
                lines.append(".It \(names)" + (argument.kind == "option" ? " Ar \(value)" : ""))
            }
            lines += Self.filled([argument.abstract, argument.discussion].compactMap(\.self).joined(separator: " "))
        }
        return lines + [".El"]
    }

    private var seeAlso: [String] {
        let parent = command.words.dropLast()
        let near = others.filter { other in
            other.words != command.words
                && (other.words.dropLast() == command.words[...] || other.words.dropLast() == parent
                    || other.words[...] == parent)
        }.map(Self.name).sorted()
        guard !near.isEmpty else { return [] }
        let lines = near.enumerated().map { ".Xr \($1) 1" + ($0 == near.count - 1 ? "" : " ,") }
        return [".Sh SEE ALSO"] + lines
    }

    // MARK: Text

    private static func flag(_ name: CommandDescription.Argument.Name) -> String {
        // mdoc sets one dash itself.
        escape(String(name.spelling.dropFirst()))
    }

    private static func oneLine(_ abstract: String) -> String {
        escape(abstract.hasSuffix(".") ? String(abstract.dropLast()) : abstract)
    }

    /// A sentence begins a line, as mdoc(7) asks for.
    private static func filled(_ text: String) -> [String] {
        text.replacing(". ", with: ".\n").split(separator: "\n").map { guarded(escape(String($0))) }
    }

    private static func paragraphs(_ paragraphs: [String]) -> [String] {
        paragraphs.enumerated().flatMap { ($0 == 0 ? [] : [".Pp"]) + filled($1) }
    }

    private static func literal(_ lines: [String]) -> [String] {
        [".Bd -literal"] + lines.map { guarded(escape($0)) } + [".Ed"]
    }

    /// A line that begins with a dot or an apostrophe would be a request.
    private static func guarded(_ line: String) -> String {
        line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
    }

    /// Backslashes mean something, and dashes are hyphens, which nobody can type, unless they are told not to be.
    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    }
}

/// A command's discussion, taken apart.
private struct Discussion {
    var paragraphs: [String] = []
    var sections: [(title: String, lines: [String])] = []

    init(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let isTitle = !line.isEmpty && line.first != " " && line.allSatisfy { $0.isUppercase || $0 == " " }
            if isTitle {
                sections.append((line, []))
            } else if !sections.isEmpty {
                sections[sections.count - 1].lines.append(line.hasPrefix("  ") ? String(line.dropFirst(2)) : line)
            } else if !line.isEmpty {
                paragraphs.append(line)
            }
        }
        for index in sections.indices {
            while sections[index].lines.last?.isEmpty == true { sections[index].lines.removeLast() }
        }
    }
}
