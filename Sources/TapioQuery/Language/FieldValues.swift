import Glibc
import TapioEvents

/// What is known of the values that a field of text can have, so that a wrong one is no question without an answer.
enum FieldValues: Sendable, Hashable {
    /// One of these names; where not all have one, or the number.
    case names([String], orNumber: Bool)
    /// Addresses of IPv4 and IPv6.
    case addresses

    init?(_ source: FieldSource) {
        switch source {
        case .symbol(_, let names): self = .names(names.filter { !$0.isEmpty }, orNumber: false)
        case .code(_, let names):
            // Which system calls there are depends on the machine, and the archive may be of another one.
            if names == KernelNames.systemCalls { return nil }
            self = .names(names.filter { !$0.isEmpty }, orNumber: true)
        case .ipAddress: self = .addresses
        default: return nil
        }
    }

    /// The values of either; nil where they have nothing to do with each other.
    private func union(_ other: FieldValues) -> FieldValues? {
        switch (self, other) {
        case (.addresses, .addresses): return .addresses
        case (.names(let mine, let isOpen), .names(let theirs, let isOtherOpen)):
            return .names(mine + theirs.filter { !mine.contains($0) }, orNumber: isOpen || isOtherOpen)
        case (.addresses, .names), (.names, .addresses): return nil
        }
    }

    /// By name, the columns of which all fields declare their values.
    static func known(_ registry: SchemaRegistry) -> [String: FieldValues] {
        var known: [String: FieldValues] = [:]
        var others: Set<String> = []
        for field in HeaderFields.all + registry.schemas.flatMap(\.fields) {
            let name = field.column.name
            guard let values = FieldValues(field.source) else {
                others.insert(name)
                continue
            }
            guard let before = known[name] else {
                known[name] = values
                continue
            }
            known[name] = before.union(values)
            if known[name] == nil { others.insert(name) }
        }
        return known.filter { !others.contains($0.key) }
    }

    /// An address as archives write it; nil where it is none.
    static func address(_ text: String) -> String? {
        // C would take what is before a NUL.
        guard !text.utf8.contains(0) else { return nil }
        // inet_pton writes 4 bytes for IPv4 and 16 for IPv6.
        var bytes = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &bytes) == 1 {
            bytes = [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + bytes.prefix(4)
        } else if unsafe inet_pton(AF_INET6, text, &bytes) != 1 {
            return nil
        }
        return String(decoding: RecordText.ipAddress(bytes), as: UTF8.self)
    }
}
