/// The 48 bytes before each frame's payload; see ArchiveFormat.swift.
struct FrameHeader: Sendable, Hashable {
    var kind: FrameKind
    var payloadLength: Int
    var trailerLength: Int
    var rows: UInt32 = 0
    var ordinal: UInt32 = 0
    var bodyCheck: UInt64

    /// The whole frame in the file.
    var frameLength: Int64 { Int64(ArchiveFormat.headerLength) + Int64(payloadLength) + Int64(trailerLength) }

    /// Header for a frame with this body.
    init(kind: FrameKind, payload: [UInt8], trailer: [UInt8]) {
        self.kind = kind
        self.payloadLength = payload.count
        self.trailerLength = trailer.count
        self.bodyCheck = Self.check(payload: payload, trailer: trailer)
    }

    /// Header for a row group's frame.
    init(rowGroup payload: EncodedBytes, trailer: [UInt8], rows: UInt32, ordinal: UInt32) {
        kind = .rowGroup
        payloadLength = payload.count
        trailerLength = trailer.count
        self.rows = rows
        self.ordinal = ordinal
        bodyCheck = XXHash64.hash(trailer, seed: XXHash64.hash(payload))
    }

    /// Header for `length` bytes without meaning.
    init(paddingOf length: Int) {
        kind = .padding
        payloadLength = length
        trailerLength = 0
        bodyCheck = 0
    }

    /// The header in `bytes`, or nil if they are not a header that we wrote.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == ArchiveFormat.headerLength, bytes.starts(with: ArchiveFormat.frameMagic) else {
            return nil
        }
        var reader = BinaryReader(bytes)
        _ = reader.take(count: ArchiveFormat.frameMagic.count)
        guard let kindNumber = reader.take(UInt8.self), let version = reader.take(UInt8.self),
            let reserved = reader.take(UInt16.self), let trailer = reader.take(UInt32.self),
            let payload = reader.take(UInt64.self), let rows = reader.take(UInt32.self),
            let ordinal = reader.take(UInt32.self), let bodyCheck = reader.take(UInt64.self),
            let headerCheck = reader.take(UInt64.self),
            headerCheck == XXHash64.hash(Array(bytes[..<(ArchiveFormat.headerLength - 8)])),
            let kind = FrameKind(rawValue: kindNumber), version == ArchiveFormat.version, reserved == 0,
            payload <= UInt64(Self.maxPayload(of: kind)), trailer <= UInt32(ArchiveFormat.maxTrailerLength)
        else { return nil }
        self.kind = kind
        self.payloadLength = Int(payload)
        self.trailerLength = Int(trailer)
        self.rows = rows
        self.ordinal = ordinal
        self.bodyCheck = bodyCheck
    }

    /// Padding may stand for many lost frames.
    private static func maxPayload(of kind: FrameKind) -> Int {
        kind == .padding ? Int.max >> 8 : ArchiveFormat.maxPayloadLength
    }

    var encoded: [UInt8] {
        var writer = BinaryWriter()
        writer.put(raw: ArchiveFormat.frameMagic)
        writer.put(kind.rawValue)
        writer.put(ArchiveFormat.version)
        writer.put(UInt16(0))
        writer.put(UInt32(trailerLength))
        writer.put(UInt64(payloadLength))
        writer.put(rows)
        writer.put(ordinal)
        writer.put(bodyCheck)
        writer.put(XXHash64.hash(writer.bytes))
        return writer.bytes
    }

    /// xxh64 over the trailer, seeded with that of the payload: one number for both without joining them.
    static func check(payload: [UInt8], trailer: [UInt8]) -> UInt64 {
        XXHash64.hash(trailer, seed: XXHash64.hash(payload))
    }
}
