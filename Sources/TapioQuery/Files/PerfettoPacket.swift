import TapioEvents

/// The packets of a Perfetto trace that are written, as `perfetto/trace/trace_packet.proto` numbers their fields.
enum PerfettoPacket {
    /// What a track shows.
    enum TrackContent {
        /// A process with its number and name.
        case process(pid: Int32, name: String)
        /// Slices and instants of one name.
        case named(String)
        /// A number over time.
        case counter(String, unit: String)
    }

    /// What happens on a track at a time.
    enum Moment {
        /// A slice begins.
        case begin(String, DecodedEvent?)
        /// The slice that began last ends.
        case end
        /// Something without a length.
        case instant(String, DecodedEvent?)
        /// The number changes.
        case counter(Double)
    }

    /// All packets come from one writer.
    private static let sequence: UInt64 = 1

    /// Says that times are UTC: Perfetto counts in boot time, so that is made the same here.
    static func clocks(at ns: UInt64, to bytes: inout [UInt8]) {
        packet(&bytes) { packet in
            // The sequence has no state from before.
            packet.unsigned(13, 1)
            packet.message(6) { snapshot in
                for clock in [bootTime, realTime] {
                    snapshot.message(1) { reading in
                        reading.unsigned(1, clock)
                        reading.unsigned(2, ns)
                    }
                }
                snapshot.unsigned(2, bootTime)
            }
        }
    }

    private static let realTime: UInt64 = 1
    private static let bootTime: UInt64 = 6

    /// Declares a track.
    static func track(_ id: UInt64, parent: UInt64?, _ content: TrackContent, to bytes: inout [UInt8]) {
        packet(&bytes) { packet in
            packet.message(60) { track in
                track.unsigned(1, id)
                if let parent { track.unsigned(5, parent) }
                switch content {
                case .process(let pid, let name):
                    track.message(3) { process in
                        process.signed(1, Int64(pid))
                        process.string(6, name)
                    }
                case .named(let name): track.string(2, name)
                case .counter(let name, let unit):
                    track.string(2, name)
                    track.message(8) { $0.string(6, unit) }
                }
            }
        }
    }

    /// Something on a track.
    static func event(_ moment: Moment, at ns: Int64, on track: UInt64, to bytes: inout [UInt8]) {
        packet(&bytes) { packet in
            packet.unsigned(8, UInt64(max(0, ns)))
            packet.message(11) { event in
                event.unsigned(11, track)
                switch moment {
                case .begin(let name, let row):
                    event.unsigned(9, 1)
                    describe(name, row, &event)
                case .end: event.unsigned(9, 2)
                case .instant(let name, let row):
                    event.unsigned(9, 3)
                    describe(name, row, &event)
                case .counter(let value):
                    event.unsigned(9, 4)
                    event.double(44, value)
                }
            }
        }
    }

    /// Columns that the timeline shows by other means.
    private static let shown: Set<String> = ["ts", "ts_sub_ns", "kind", "pid", "comm"]

    private static func describe(_ name: String, _ row: DecodedEvent?, _ event: inout ProtobufWriter) {
        event.string(23, name)
        guard let row else { return }
        if case .string(let kind) = row["kind"] { event.string(22, kind) }
        for (column, value) in row.values where !shown.contains(column.name) {
            // Before the value's field is known to have one.
            if value == .null { continue }
            event.message(4) { annotation in
                annotation.string(10, column.name)
                switch value {
                case .null: break
                case .int(let number): annotation.signed(4, number)
                case .double(let number): annotation.double(5, number)
                case .string(let text): annotation.string(6, text)
                case .timestamp(let us): annotation.string(6, HumanTime.rfc3339(microseconds: us))
                }
            }
        }
    }

    private static func packet(_ bytes: inout [UInt8], _ body: (inout ProtobufWriter) -> Void) {
        var writer = ProtobufWriter()
        writer.message(1) { packet in
            packet.unsigned(10, sequence)
            body(&packet)
        }
        bytes += writer.bytes
    }
}
