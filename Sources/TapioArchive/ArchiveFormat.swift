// How a segment of the archive lies on disk. docs/archive-format.md tells the same to people who read archives.
//
// A segment is a Parquet file: it starts with `PAR1` and, once sealed, ends with a FileMetaData, its length and `PAR1`.
// Parquet keeps what is needed to read a file only at its end, so a file that was cut off is lost. Readers don't mind bytes
// between row groups, however, so each part is put into a frame that can be found and checked by itself:
//
//     file     = "PAR1" frame*
//     frame    = header(48) payload trailer
//     header   = magic(8) kind(1) version(1) reserved(2)=0 trailerLength(4) payloadLength(8) rows(4) ordinal(4)
//                bodyCheck(8) headerCheck(8)                                       all numbers little-endian
//     bodyCheck   = xxh64(trailer, seed: xxh64(payload))
//     headerCheck = xxh64(the 40 bytes before it)
//
// Kinds of frames:
//   1 prologue   payload: schema, created_by, and the key-values that don't depend on rows. The first frame of a file. Once
//                more before the last footer, then with the file's totals and what was learnt later (`recovered`, losses):
//                the last whole one counts, and one damaged prologue costs nothing in a sealed file.
//   2 row group  payload: the column chunks. trailer: its place in the file, the rows before it, batch number, lane, time
//                range, rows and weight per kind, and its RowGroup struct with absolute offsets. `rows` and `ordinal` (0, 1, …)
//                stand in the header too, so that what a damaged group held is known.
//   3 footer     payload: the complete FileMetaData. trailer: its length(4) and "PAR1", so that the file may end here.
//   4 padding    payload: bytes without meaning, not covered by bodyCheck (0): a write that failed halfway, or a lost part
//                in a repaired copy. Groups stay where their RowGroup struct says they are.
//
// Rules:
// - Files only grow. Nothing is ever cut off (a reader's mapping would crash), and nothing that was whole is overwritten.
// - One flush is one write: the row group and, while all footers that are not the last stay at or below 1/8 of the bytes of
//   the row groups, a footer behind it. Any reader can then read the open file as well.
// - Sealing appends closing prologue and footer, syncs, renames `….parquet.part` to `….parquet` and syncs the directory.
//   If old footers are more than 10 % of the file by then, its groups are copied to a new file instead.
// - The RowGroup structs in a footer are those of the trailers, byte for byte.
// - A reader that finds a damaged frame looks for the next magic with a correct headerCheck. A row group whose trailer
//   names another place than where it was found is not part of the file.

/// Numbers of the format.
enum ArchiveFormat {
    /// Starts and ends a Parquet file.
    static let fileMagic: [UInt8] = Array("PAR1".utf8)
    /// Starts a frame: a byte that no text has, "TAPIOF", and one that shows when a transfer changed line ends.
    static let frameMagic: [UInt8] = [0xF4] + Array("TAPIOF".utf8) + [0x0A]
    /// What a segment starts with.
    static let fileStart = fileMagic + frameMagic
    /// Version of the frames that are written; higher ones are not read.
    static let version: UInt8 = 1
    /// Bytes of a frame's header.
    static let headerLength = 48
    /// Where the first frame starts.
    static let firstFrameOffset: Int64 = 4
    /// Longest payload that is written or believed: 1 GiB, eight hundred times a usual one.
    static let maxPayloadLength = 1 << 30
    /// Longest trailer that is written or believed.
    static let maxTrailerLength = 1 << 26
    /// Old footers may take one in this many of the row groups' bytes.
    static let interimFooterShare: Int64 = 8
}

/// What a frame holds.
enum FrameKind: UInt8, Sendable {
    case prologue = 1
    case rowGroup = 2
    case footer = 3
    case padding = 4

    /// What it is to a person who reads of damage.
    var words: String {
        switch self {
        case .prologue: "header"
        case .rowGroup: "row group"
        case .footer: "footer"
        case .padding: "padding"
        }
    }
}
