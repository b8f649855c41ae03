/// JSON without a library: one object per line, numbers exact, strings escaped so that a terminal is safe as well.
public enum JSONText {
    /// An event as one line, without the newline. Null values are left out; `ts` has nine digits, from `ts_sub_ns`.
    public static func line(_ event: DecodedEvent) -> String {
        var bytes: [UInt8] = []
        append(event, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends an event's object.
    public static func append(_ event: DecodedEvent, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        let subNs = event["ts_sub_ns"]
        for (column, value) in event.values where value != .null {
            // Part of ts, where there is one.
            if column.name == "ts_sub_ns" && event["ts"] != .null { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            append(string: column.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            if column.name == "ts", case .timestamp(let us) = value, case .int(let ns) = subNs {
                append(string: HumanTime.rfc3339(microseconds: us, subMicrosecondNs: Int(ns)), to: &bytes)
            } else {
                append(value, to: &bytes)
            }
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// Appends a value: timestamps as RFC 3339 strings, numbers that JSON does not have as null.
    public static func append(_ value: EventValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes += "null".utf8
        case .int(let number): bytes += String(number).utf8
        case .double(let number): bytes += (number.isFinite ? number.description : "null").utf8
        case .string(let text): append(string: text, to: &bytes)
        case .timestamp(let us): append(string: HumanTime.rfc3339(microseconds: us), to: &bytes)
        }
    }

    /// JSON that somebody else wrote, with `\u` in the place of what a terminal may obey or hide: beyond ASCII that is only in
    /// strings.
    public static func escapingUnsafe(in json: String) -> String {
        if json.utf8.allSatisfy({ $0 < 0x7f }) { return json }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(json.utf8.count)
        for scalar in json.unicodeScalars {
            if scalar.value >= 0x7f, TerminalText.isUnsafe(scalar) {
                for unit in String(scalar).utf16 { appendEscape(unit, to: &bytes) }
            } else {
                bytes += String(scalar).utf8
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends a string in quotes.
    public static func append(string text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
            case "\\": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
            case "\n": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case "\r": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
            case "\t": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            case _ where scalar.value >= 0x20 && scalar.value < 0x7f:
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            case _ where TerminalText.isUnsafe(scalar):
                for unit in String(scalar).utf16 { appendEscape(unit, to: &bytes) }
            default: bytes += String(scalar).utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
        bytes += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
        for shift in [12, 8, 4, 0] {
            let digit = UInt8(truncatingIfNeeded: unit >> UInt16(shift)) & 0xf
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
