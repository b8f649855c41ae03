/// A Perfetto trace read back, as far as tests look at it. Numbers of fields as in Perfetto's trace_packet.proto.
struct PerfettoTrace {
    struct Track {
        var id: UInt64
        var parent: UInt64?
        var name: String
    }

    struct Process {
        var track: UInt64
        var pid: Int64
        var name: String
    }

    struct Slice: Equatable {
        var name: String
        var from: Int64
        var to: Int64?
    }

    struct Instant {
        var name: String
        var ns: Int64
        var track: UInt64
    }

    struct Malformed: Error {}

    private(set) var tracks: [Track] = []
    private(set) var processes: [Process] = []
    private(set) var instants: [Instant] = []
    private(set) var counters: [String: [(ns: Int64, value: Double)]] = [:]
    private var edges: [UInt64: [(ns: Int64, name: String?)]] = [:]

    init(_ bytes: [UInt8]) throws {
        for field in try Self.fields(bytes[...]) {
            guard field.number == 1 else { throw Malformed() }
            let packet = try Self.fields(field.bytes)
            if let track = packet.first(where: { $0.number == 60 }) { try add(track: track.bytes) }
            if let event = packet.first(where: { $0.number == 11 }) {
                let ns = packet.first { $0.number == 8 }?.value ?? 0
                try add(event: event.bytes, ns: Int64(bitPattern: ns))
            }
        }
    }

    /// Slices of a track in the order in which they began; each end closes the last that is open.
    func slices(on track: UInt64) -> [Slice] {
        var slices: [Slice] = []
        var open: [Int] = []
        for edge in edges[track] ?? [] {
            if let name = edge.name {
                open.append(slices.count)
                slices.append(Slice(name: name, from: edge.ns, to: nil))
            } else if let last = open.popLast() {
                slices[last].to = edge.ns
            }
        }
        return slices
    }

    private mutating func add(track bytes: ArraySlice<UInt8>) throws {
        let fields = try Self.fields(bytes)
        let id = fields.first { $0.number == 1 }?.value ?? 0
        let name = fields.first { $0.number == 2 }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
        if let process = fields.first(where: { $0.number == 3 }) {
            let inner = try Self.fields(process.bytes)
            let pid = Int64(bitPattern: inner.first { $0.number == 1 }?.value ?? 0)
            let name = inner.first { $0.number == 6 }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
            processes.append(Process(track: id, pid: pid, name: name))
        }
        tracks.append(Track(id: id, parent: fields.first { $0.number == 5 }?.value, name: name))
    }

    private mutating func add(event bytes: ArraySlice<UInt8>, ns: Int64) throws {
        let fields = try Self.fields(bytes)
        let track = fields.first { $0.number == 11 }?.value ?? 0
        let name = fields.first { $0.number == 23 }.map { String(decoding: $0.bytes, as: UTF8.self) }
        switch fields.first(where: { $0.number == 9 })?.value {
        case 1: edges[track, default: []].append((ns, name ?? ""))
        case 2: edges[track, default: []].append((ns, nil))
        case 3: instants.append(Instant(name: name ?? "", ns: ns, track: track))
        case 4:
            let value = fields.first { $0.number == 44 }.map { Double(bitPattern: $0.value) } ?? .nan
            counters[tracks.first { $0.id == track }?.name ?? "", default: []].append((ns, value))
        default: throw Malformed()
        }
    }

    private struct Field {
        var number: UInt64
        var value: UInt64 = 0
        var bytes: ArraySlice<UInt8> = []
    }

    private static func fields(_ bytes: ArraySlice<UInt8>) throws -> [Field] {
        var rest = bytes
        var fields: [Field] = []
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard let byte = rest.popFirst() else { throw Malformed() }
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
            }
            throw Malformed()
        }
        while !rest.isEmpty {
            let key = try varint()
            var field = Field(number: key >> 3)
            switch key & 7 {
            case 0: field.value = try varint()
            case 1:
                guard rest.count >= 8 else { throw Malformed() }
                field.value = rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
                rest = rest.dropFirst(8)
            case 2:
                let length = Int(try varint())
                guard length <= rest.count else { throw Malformed() }
                field.bytes = rest.prefix(length)
                rest = rest.dropFirst(length)
            default: throw Malformed()
            }
            fields.append(field)
        }
        return fields
    }
}
