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
            <a class="skip" href="#plain">To the report</a>
            <div class="wrap">
            <header>
            <h1><bdi>\(PageText.html(report.title))</bdi></h1>
            \(facts(report))
            </header>
            <div class="bar" id="bar" role="group" aria-label="Zoom and theme" hidden></div>
            <nav id="nav" aria-label="Contents" hidden><ul id="contents"></ul></nav>
            <div id="said" class="hidden" role="status" aria-live="polite"></div>
            <main id="plain" tabindex="-1">
            \(plain(report))
            </main>
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
                    + "\(length) in \(counted(time.buckets, "bucket"))"
            )
        }
        let reading = report.reading
        lines.append(
            "\(counted(reading.segments, "segment")) read, "
                + "\(HumanUnits.count(Int64(reading.segmentsSkipped))) skipped, \(HumanUnits.bytes(Int64(reading.bytes))) in all"
        )
        return lines.map { "<p class=\"dim\">\(PageText.html($0))</p>" }.joined(separator: "\n")
    }

    /// What stands there where no script runs.
    private static func plain(_ report: ReportData) -> String {
        let reading = report.reading
        var text = "<section>\n<h2>Summary</h2>\n"
        text += "<p>Charts and the other tables need JavaScript; this is what there is without.</p>\n"
        let about = report.kinds.contains { $0.sampledRows > 0 } ? "about " : ""
        let rows = "\(counted(reading.rows, "row")) \(reading.rows == 1 ? "stands" : "stand")"
        let events = "\(count(reading.events)) event\(reading.events == 1 ? "" : "s")"
        text += "<p>\(rows) for \(about)\(events).</p>\n"
        if reading.isIncomplete {
            let heading = reading.lacksSomething ? "This report is incomplete" : "The archive is damaged"
            text += "<div class=\"notice\">\n<p><strong>\(heading)</strong></p>\n<ul>\n"
            for item in reading.notes + reading.warnings { text += "<li>\(PageText.html(item))</li>\n" }
            let more = reading.warningCount - reading.warnings.count
            if more > 0 {
                let files = more == 1 ? "file was" : "files were"
                text += "<li>and \(HumanUnits.count(Int64(more))) more \(files) left out</li>\n"
            }
            text += "</ul>\n</div>\n"
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
            if report.gaps.total > report.gaps.items.count {
                let shown = HumanUnits.count(Int64(report.gaps.items.count))
                text += "<p>\(shown) of \(HumanUnits.count(Int64(report.gaps.total))) are shown.</p>\n"
            }
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

    /// A number of things whose plural ends in s.
    private static func counted(_ number: Int, _ thing: String) -> String {
        "\(HumanUnits.count(Int64(number))) \(thing)\(number == 1 ? "" : "s")"
    }

    private static func count(_ value: Double) -> String { HumanUnits.count(Int64(exactly: value.rounded()) ?? .max) }

    private static func table(_ heads: [String], _ rows: [[String]]) -> String {
        let head = heads.map { "<th scope=\"col\">\(PageText.html($0))</th>" }.joined()
        let body = rows.map { cells in
            "<tr>" + cells.map { "<td>\(PageText.html($0))</td>" }.joined() + "</tr>\n"
        }
        return "<table>\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body.joined())</tbody>\n</table>\n"
    }
}
