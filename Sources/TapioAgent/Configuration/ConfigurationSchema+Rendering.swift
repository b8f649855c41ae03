extension ConfigurationSchema {
    /// `tapio config default`: every key with its default, and above it what it does, its unit, its range and when a change
    /// takes effect. config/tapio.yaml is this text.
    public func defaultDocument() -> String {
        var lines = Self.preface
        let outline = ConfigurationOutline(self) { !$0.isOneOfMany }
        write(outline.items, indentation: "", into: &lines)
        return lines.map { $0 + "\n" }.joined()
    }

    /// `tapio config show`: every effective value, and in a comment where it was given. It parses back to the same value.
    public func show(_ loaded: LoadedConfiguration) -> String {
        render(loaded.configuration) { loaded.origins[$0.path] ?? .defaults }
    }

    /// Every value of a configuration, as a file that parses back to it.
    public func render(_ configuration: AgentConfiguration) -> String {
        render(configuration, origin: nil)
    }

    private static let preface = [
        "# Tapio's configuration: every key, with its default. A file needs only the keys that it changes.",
        "#",
        "# Later ones win: this file, <this file>.d/*.yaml in the order of their names, the environment",
        "# (TAPIO_ARCHIVE_PATH sets archive.path), flags (--set archive.path=/data).",
        "# Sizes are written as 256MiB, 1GB or 4096 (bytes), times as 5s, 500ms or 1m30s.",
        "# A change takes effect with `tapio reload` (live) or with the next start (restart).",
        "# `tapio config check` checks a file, `tapio config show` tells what holds and where it was given.",
    ]

    private func write(_ items: [ConfigurationOutline.Item], indentation: String, into lines: inout [String]) {
        for (position, item) in items.enumerated() {
            if indentation.isEmpty || (position > 0 && isSection(item)) { lines.append("") }
            switch item {
            case .key(let name, let key):
                lines.append("\(indentation)# \(key.summary)")
                let line = "\(indentation)\(QuotedText.text(name)): \(key.defaultValue)"
                guard case .list(let values) = key.defaultValue, line.count > 60 else {
                    lines.append("\(indentation)# \(facts(about: key, default: "\(key.defaultValue)"))")
                    lines.append(line)
                    continue
                }
                lines.append("\(indentation)# \(facts(about: key, default: "below"))")
                lines.append("\(indentation)\(QuotedText.text(name)):")
                lines += values.map { "\(indentation)  - \(QuotedText.text($0))" }
            case .section(let name, let path, let items):
                lines.append("\(indentation)# \(sections[path] ?? "")")
                if let facts = Self.factsAboutMany[path] { lines.append("\(indentation)# \(facts)") }
                lines.append("\(indentation)\(QuotedText.text(name)):\(items.isEmpty ? " {}" : "")")
                write(items, indentation: indentation + "  ", into: &lines)
            }
        }
    }

    /// By section, about its keys that are left out while they have their default.
    private static let factsAboutMany = [
        "sampling": "unit: probability; range: 0 < p <= 1; default: 1 (all are kept); change: live",
        "aggregation": "unit: none; range: always, overload, off; default: overload (under pressure); change: live",
        "sampling_mode": "unit: none; range: independent, process; default: independent; change: live",
    ]

    private func isSection(_ item: ConfigurationOutline.Item) -> Bool {
        if case .section = item { true } else { false }
    }

    private func facts(about key: ConfigurationKey, default defaultText: String) -> String {
        let (unit, range) = key.type.unitAndRange
        let allowed = key.word.map { "\(range) or \($0)" } ?? range
        return "unit: \(unit); range: \(allowed); default: \(defaultText); change: \(key.reload.rawValue)"
    }

    private func render(
        _ configuration: AgentConfiguration,
        origin: ((ConfigurationKey) -> ConfigurationOrigin)?
    ) -> String {
        let outline = ConfigurationOutline(self) { !$0.isOneOfMany || $0.read(configuration) != $0.defaultValue }
        var lines: [(text: String, comment: String?)] = []
        func write(_ items: [ConfigurationOutline.Item], _ indentation: String) {
            for item in items {
                switch item {
                case .key(let name, let key):
                    let text = "\(indentation)\(QuotedText.text(name)): \(key.read(configuration))"
                    lines.append((text, origin.map { $0(key).description }))
                case .section(let name, _, let items):
                    lines.append(("\(indentation)\(QuotedText.text(name)):\(items.isEmpty ? " {}" : "")", nil))
                    write(items, indentation + "  ")
                }
            }
        }
        write(outline.items, "")
        // Comments stand in one column, as far as a screen is wide.
        let width = min(lines.filter { $0.comment != nil }.map(\.text.count).max() ?? 0, 48)
        return lines.map { line in
            guard let comment = line.comment else { return line.text + "\n" }
            let padding = String(repeating: " ", count: max(0, width - line.text.count))
            return "\(line.text)\(padding)  # \(QuotedText.quoted(comment).dropFirst().dropLast())\n"
        }.joined()
    }
}
