import Foundation
import TapioTestSupport
import Testing

@testable import TapioReport

@Suite("A report's page") struct ReportPageTests {
    private func hostileReport() -> ReportData {
        ReportScan.report(
            ReportScan.Request(
                title: "</title><script>window.owned=5</script>\u{202e}",
                archive: "<img src=x onerror=window.owned=6>",
                madeBy: "tapio"
            ),
            segments: [
                RowsInMemory.segment([RowsInMemory(HostileHour.rows)], node: "</p><script>window.owned=7</script>")
            ],
            warnings: ["</li><script>window.owned=8</script>"]
        )
    }

    @Test("nothing of the data is markup, and the data comes out as it went in")
    func escaping() throws {
        let data = hostileReport()
        let page = try ReportPage.html(data)
        // The page's own two, and one line of ours that speaks of the element.
        #expect(page.components(separatedBy: "<script").count == 3)
        #expect(page.components(separatedBy: "</script").count == 3)
        #expect(!page.contains("<img") && !page.contains("<svg") && !page.contains("<b>"))
        #expect(!page.unicodeScalars.contains { $0 == "\u{1b}" || $0 == "\u{7}" })
        let start = try #require(page.range(of: "id=\"data\">"))
        let end = try #require(page.range(of: "</script>", range: start.upperBound..<page.endIndex))
        let json = page[start.upperBound..<end.lowerBound]
        #expect(!json.contains("<") && !json.contains(">") && !json.contains("&"))
        #expect(try JSONDecoder().decode(ReportData.self, from: Data(json.utf8)) == data)
        // What is written for those without a script, too.
        let head = page[..<start.lowerBound]
        #expect(!head.unicodeScalars.contains("\u{202e}"))
    }

    @Test("without a script it is one page with a main part, to which the first link leads, and heads of columns")
    func plain() throws {
        let page = try ReportPage.html(hostileReport())
        #expect(page.contains("<a class=\"skip\" href=\"#plain\">"))
        #expect(page.contains("<main id=\"plain\" tabindex=\"-1\">"))
        #expect(page.contains("<th scope=\"col\">Kind</th>"))
        // Half of the connections were sampled.
        #expect(page.contains(" rows stand for about "))
        let whole = try ReportPage.html(
            ReportScan.report(
                ReportScan.Request(title: "t", archive: "a", madeBy: "m"),
                segments: [RowsInMemory.segment([RowsInMemory([HostileHour.event("tcp_connect", second: 1, "a")])])]
            )
        )
        #expect(whole.contains("<p>1 row stands for 1 event.</p>"))
        #expect(whole.contains("1 segment read, 0 skipped"))
    }

    @Test("its policy allows its own script and style, by their hashes, and nothing else")
    func policy() throws {
        #expect(
            ContentHash.source("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        )
        let page = try ReportPage.html(ReportData())
        #expect(page.contains("default-src 'none'; style-src 'sha256-"))
        #expect(!page.contains("unsafe-inline") && !page.contains("unsafe-eval"))
        #expect(page.contains(ContentHash.source(PageScript.javaScript)))
        #expect(page.contains(ContentHash.source(PageStyle.css)))
        let script = PageScript.javaScript
        for word in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "http:",
            "https:",
        ]
        where word != "http:" || !script.contains("http://www.w3.org/2000/svg") {
            #expect(!script.contains(word), "\(word)")
        }
    }

    @Test("in a browser it zooms, sorts, switches its theme, works by keyboard, and hostile names do nothing")
    func browser() throws {
        let directory = TemporaryDirectory()
        let page = directory.file("report.html")
        try ReportPage.html(hostileReport()).write(toFile: page, atomically: true, encoding: .utf8)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Browser/check_page.py").path
        var arguments = [script, page]
        if let pictures = ProcessInfo.processInfo.environment["TAPIO_TEST_PICTURES"] { arguments.append(pictures) }
        // The browser keeps its profile there, whatever becomes of it.
        let check = try ChildProcess(
            "python3",
            arguments,
            environment: ["TMPDIR": directory.path],
            directory: directory
        )
        let ending = check.wait(seconds: 240)
        #expect(ending == .exited(0), "\(check.output)\(check.errors.suffix(2000))")
    }
}
