import Glibc
import TapioAgent
import TapioEvents
import TapioQuery

/// The lines of a timeline: for people with the time since the first event, or JSON.
struct TimelineText {
    /// Columns of the time since the first event, with its sign.
    private static let relativeWidth = 9

    private let isJSON: Bool
    private let paint: Paint
    private let line: EventLine
    private var beginUs: Int64?
    private var day: String?

    init(output: OutputOptions) {
        isJSON = output.json
        paint = output.paint
        let width = output.json ? nil : TerminalSize(descriptor: STDOUT_FILENO)?.columns
        line = EventLine(
            usesColour: output.usesColour,
            width: width.map { max(20, $0 - Self.relativeWidth - 2) }
        )
    }

    /// What is printed for an entry.
    mutating func lines(_ entry: Timeline.Entry) -> [String] {
        switch entry {
        case .event(let row):
            let begin = beginUs ?? row.timeUs
            beginUs = begin
            let relative = row.timeUs &- begin
            if isJSON { return ["{\"relativeUs\":\(relative),\"event\":\(JSONText.line(row.event))}"] }
            return newDay(row.timeUs) + [
                paint(.faint, Self.padded("+" + Self.duration(relative))) + "  " + line.text(row.event)
            ]
        case .gap(let gap):
            if isJSON { return [Self.json(gap)] }
            let relative = beginUs.map { gap.fromUs < $0 ? "" : "+" + Self.duration(gap.fromUs &- $0) } ?? ""
            return [paint(.faint, Self.padded(relative)) + "  " + paint(.yellow, "~ " + gap.text)]
        }
    }

    /// A line for the date where it is another than before.
    private mutating func newDay(_ us: Int64) -> [String] {
        let date = HumanTime.date(us / 1_000_000)
        if date == day { return [] }
        day = date
        return [paint(.faint, date + " UTC")]
    }

    private static func duration(_ us: Int64) -> String {
        HumanUnits.duration(ns: us.multipliedReportingOverflow(by: 1000).partialValue)
    }

    private static func padded(_ text: String) -> String {
        String(repeating: " ", count: max(0, relativeWidth - TerminalText.width(of: text))) + text
    }

    /// A gap as an object.
    static func json(_ gap: StoryGap) -> String {
        var bytes = Array("{\"gap\":{\"from\":".utf8)
        JSONText.append(.timestamp(gap.fromUs), to: &bytes)
        bytes += ",\"to\":".utf8
        JSONText.append(.timestamp(gap.toUs), to: &bytes)
        bytes += ",\"kind\":".utf8
        JSONText.append(gap.kind.map { .string($0) } ?? .null, to: &bytes)
        bytes += ",\"reason\":".utf8
        JSONText.append(.string(gap.reason), to: &bytes)
        bytes += ",\"count\":".utf8
        JSONText.append(gap.count.map { .int($0) } ?? .null, to: &bytes)
        bytes += "}}".utf8
        return String(decoding: bytes, as: UTF8.self)
    }
}
