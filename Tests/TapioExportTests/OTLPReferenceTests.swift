import Foundation
import TapioTestSupport
import Testing

@testable import TapioExport

@Suite("Export: the reference of OTLP")
struct OTLPReferenceTests {
    private static let path =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/docs/export.md"

    @Test("docs/export.md has every attribute that is named by the conventions")
    func attributes() throws {
        let text = String(decoding: try #require(TestFile.read(Self.path)), as: UTF8.self)
        let rows = OTLPAttributes.conventions.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
            .map { "| `\($0.key)` | `\($0.value)` |\n" }
        let table = "| column | attribute |\n|---|---|\n" + rows.joined()
        let (begin, end) = ("<!-- attributes -->\n", "<!-- /attributes -->")
        let start = try #require(text.range(of: begin)).upperBound
        let stop = try #require(text.range(of: end)).lowerBound
        if ProcessInfo.processInfo.environment["TAPIO_WRITE_DOCS"] != nil {
            TestFile.write(Self.path, text[..<start] + table + text[stop...])
            return
        }
        #expect(text[start..<stop] == table[...], "write it anew with TAPIO_WRITE_DOCS=1")
    }
}
