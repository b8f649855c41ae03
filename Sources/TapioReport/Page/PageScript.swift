/// What makes a report's page out of its data. Vanilla JavaScript without eval, without markup made from text, without a
/// request to anywhere.
enum PageScript {
    /// The whole of it, in a scope of its own.
    static let javaScript = "(() => {\n" + [basics, charts, tables, sections].joined(separator: "\n") + "\n})();\n"
}
