import Foundation
import TapioEvents

/// A report as one HTML page that needs nothing else: style, script and data are in it, and its policy forbids the browser to
/// fetch anything or to run another script. Without JavaScript it shows a plain summary.
public enum ReportPage {
    /// The page, UTF-8.
    ///
    /// Throws what the JSON encoder does: never, for the numbers that a report holds.
    public static func html(_ report: ReportData) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = JSONText.escapingUnsafe(in: String(decoding: try encoder.encode(report), as: UTF8.self))
        let style = PageStyle.css
        let script = PageScript.javaScript
        let policy =
            "default-src 'none'; style-src \(ContentHash.source(style)); script-src \(ContentHash.source(script)); "
            + "base-uri 'none'; form-action 'none'"
        return """
            <!DOCTYPE html>
            <html lang="en" data-theme="auto">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>\(PageText.html(report.title))</title>
            <style>\(style)</style>
            </head>
            <body>
            <a class="skip" href="#page">To the report</a>
            <div class="wrap">
            <header>
            <h1><bdi>\(PageText.html(report.title))</bdi></h1>
            \(facts(report))
            </header>
            <div class="bar" id="bar" role="toolbar" aria-label="Zoom and theme" hidden></div>
            <nav id="nav" aria-label="Contents" hidden><ul id="contents"></ul></nav>
            <div id="said" class="hidden" role="status" aria-live="polite"></div>
            <div id="plain">
            \(plain(report))
            </div>
            <main id="page" tabindex="-1" hidden></main>
            <footer>Made by \(PageText.html(report.madeBy)). Times are UTC. Text that processes chose is shown as it is, \
            with what hides, reorders or controls written out.</footer>
            </div>
            <script type="application/json" id="data">\(PageText.script(json: json))</script>
            <script>\(script)</script>
            </body>
            </html>

            """
    }

    private static func facts(_ report: ReportData) -> String {
        var lines = [
            "Archive \(report.archive)"
                + (report.nodes.isEmpty ? "" : " · node \(report.nodes.joined(separator: ", "))")
        ]
        if let time = report.time {
            let length = HumanUnits.duration(
                ns: (time.toUs &- time.fromUs).multipliedReportingOverflow(by: 1000).partialValue
            )
            lines.append(
                "\(HumanTime.rfc3339(microseconds: time.fromUs)) to \(HumanTime.rfc3339(microseconds: time.toUs)), "
                    + "\(length) in \(time.buckets) buckets"
            )
        }
        let reading = report.reading
        lines.append(
            "\(HumanUnits.count(Int64(reading.segments))) segments read, "
                + "\(HumanUnits.count(Int64(reading.segmentsSkipped))) skipped, \(HumanUnits.bytes(Int64(reading.bytes))) in all"
        )
        return lines.map { "<p class=\"dim\">\(PageText.html($0))</p>" }.joined(separator: "\n")
    }

    /// What stands there where no script runs.
    private static func plain(_ report: ReportData) -> String {
        let reading = report.reading
        var text = "<section>\n<h2>Summary</h2>\n"
        text += "<p>Charts and the other tables need JavaScript; this is what there is without.</p>\n"
        text += "<p>\(HumanUnits.count(Int64(reading.rows))) rows stand for \(count(reading.events)) events.</p>\n"
        if reading.isIncomplete {
            text +=
                "<p><strong>This report is incomplete:</strong> \(HumanUnits.count(Int64(reading.damageCount))) damaged "
            text += "parts were skipped, \(HumanUnits.count(Int64(reading.warningCount))) files left out.</p>\n<ul>\n"
            for item in reading.damage + reading.warnings { text += "<li>\(PageText.html(item))</li>\n" }
            text += "</ul>\n"
        }
        if report.kinds.isEmpty {
            return text + "<p>There is no event in this archive in the time that was asked for.</p>\n</section>"
        }
        text += table(
            ["Kind", "Events", "Rows", "Sampled rows"],
            report.kinds.map { kind in
                [
                    kind.name, count(kind.events), HumanUnits.count(Int64(kind.rows)),
                    HumanUnits.count(Int64(kind.sampledRows)),
                ]
            }
        )
        if !report.gaps.items.isEmpty {
            text += "<h2>Losses</h2>\n"
            text += table(
                ["From", "To", "Kind", "Reason", "Events"],
                report.gaps.items.map { gap in
                    [
                        HumanTime.rfc3339(microseconds: gap.fromUs), HumanTime.rfc3339(microseconds: gap.toUs),
                        gap.kind ?? "", gap.reason, gap.count.map(count) ?? "unknown",
                    ]
                }
            )
        }
        return text + "</section>"
    }

    private static func count(_ value: Double) -> String { HumanUnits.count(Int64(exactly: value.rounded()) ?? .max) }

    private static func table(_ heads: [String], _ rows: [[String]]) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\(PageText.html($0))</\(tag)>" }.joined() + "</tr>\n"
        }
        return
            "<table>\n<thead>\(row(heads, "th"))</thead>\n<tbody>\n\(rows.map { row($0, "td") }.joined())</tbody>\n</table>\n"
    }
}
