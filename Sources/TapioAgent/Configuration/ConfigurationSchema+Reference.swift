extension ConfigurationSchema {
    /// The reference in Markdown, docs/configuration.md: a table for each top-level section.
    public func reference() -> String {
        var lines = Self.introduction
        lines += ["", "## Keys", ""]
        var section: String?
        for key in keys where !key.isOneOfMany {
            let top = key.path.split(separator: ".").first.map(String.init) ?? ""
            let heading = isSection(top) ? top : ""
            if heading != section {
                section = heading
                if lines.last != "" { lines.append("") }
                if !heading.isEmpty { lines += ["### \(heading)", "", sections[heading] ?? "", ""] }
                lines += ["| key | default | range | unit | change | meaning |", "|---|---|---|---|---|---|"]
            }
            lines.append(row(key))
            if key.path == "aggregation.max_aggregates" {
                lines.append(
                    "| `aggregation.<kind>` | `overload` | always, overload, off | none | live | When that kind's events are merged into summaries. |"
                )
            }
        }
        lines += [
            "", "### sampling", "", sections["sampling"] ?? "", "",
            "| key | default | range | unit | change | meaning |", "|---|---|---|---|---|---|",
            "| `sampling.<kind>` | `1` | 0 < p <= 1 | probability | live | Keep probability of that kind's events. |",
            "", "### sampling_mode", "", sections["sampling_mode"] ?? "", "",
            "| key | default | range | unit | change | meaning |", "|---|---|---|---|---|---|",
            "| `sampling_mode.<kind>` | `independent` | independent, process | none | live | Who draws the lot for that kind's events. |",
        ]
        return lines.map { $0 + "\n" }.joined()
    }

    private func row(_ key: ConfigurationKey) -> String {
        let (unit, range) = key.type.unitAndRange
        let allowed = key.word.map { "\(range) or `\($0)`" } ?? range
        return
            "| `\(key.path)` | `\(key.defaultValue)` | \(allowed) | \(unit) | \(key.reload.rawValue) | \(key.summary) |"
    }

    private static let introduction = [
        "# Configuration",
        "",
        "Made from the same declarations as the parser; `tapio config default` prints them as a file.",
        "",
        "The agent reads `\(ConfigurationSources.standardPath)`, or the file that `--config` names. Later ones win:",
        "",
        "1. defaults",
        "2. the file",
        "3. `<file>.d/*.yaml` in the order of their names' bytes, at most \(ConfigurationFileReader.maxFiles)",
        "4. the environment: `TAPIO_` and the key's path, `TAPIO_ARCHIVE_SEGMENT_MAX_BYTES=64MiB`",
        "5. flags: `--set archive.segment.max_bytes=64MiB`",
        "",
        "`tapio config show` prints every effective value and where it was given. A change takes effect with `tapio reload`",
        "(*live*) or with the next start (*restart*); a reload that finds an error changes nothing.",
        "",
        "Sizes are written as `256MiB`, `1GB` or `4096` (bytes); times as `5s`, `500ms` or `1m30s`.",
        "",
        "A file is plain YAML: keys, and values that each stand on one line. Anchors, aliases, tags, text over several lines",
        "and further documents are refused, and so are files above 1 MiB, files that everybody may write, and anything that",
        "is not a regular file of UTF-8. An unknown key, a wrong value, a key written twice and an unknown `TAPIO_` variable",
        "are errors; up to \(ConfigurationErrors.limit) are reported at once, each with its place.",
    ]
}
