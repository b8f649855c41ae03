import Foundation
import TapioEvents

/// A value as JSON for programs: keys in order, indented.
enum JSONOutput {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return JSONText.escapingUnsafe(in: String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// The same on one line, for streams.
    static func line(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return JSONText.escapingUnsafe(in: String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
