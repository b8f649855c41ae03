public import TapioEvents

/// An event in the form that a client asked for.
public enum EventForm {
    /// The line, without a line feed.
    public static func line(_ event: DecodedEvent, _ request: ControlRequest.EventStream) -> [UInt8] {
        switch request.format {
        case .json: Array(JSONText.line(event).utf8)
        case .text: Array(EventLine(usesColour: false, width: request.width).text(event).utf8)
        case .colour: Array(EventLine(usesColour: true, width: request.width).text(event).utf8)
        }
    }
}
