/// The Parquet footer that follows from a prologue and row groups; the same input gives the same bytes.
enum SegmentFooter {
    /// The complete FileMetaData.
    static func payload(prologue: Prologue, totals: SegmentTotals, metadata: [[UInt8]]) -> [UInt8] {
        ParquetMetadata.fileMetaData(
            schema: prologue.schema,
            rowCount: totals.rows,
            rowGroups: metadata,
            keyValues: keyValues(prologue: prologue, totals: totals),
            createdBy: prologue.createdBy
        )
    }

    /// The whole frame, which ends a Parquet file.
    static func frame(prologue: Prologue, totals: SegmentTotals, metadata: [[UInt8]]) -> [UInt8] {
        let payload = payload(prologue: prologue, totals: totals, metadata: metadata)
        let trailer = FrameScanner.footerTrailer(payloadLength: payload.count)
        return FrameHeader(kind: .footer, payload: payload, trailer: trailer).encoded + payload + trailer
    }

    /// The file's key-values: those of the prologue, then what its rows add up to.
    static func keyValues(prologue: Prologue, totals: SegmentTotals) -> [(String, String)] {
        var pairs = prologue.facts.map { ($0.key, $0.value) }
        if let low = totals.minTimestampNs, let high = totals.maxTimestampNs {
            pairs.append((SegmentKey.minTimestamp, String(floorDivide(low, 1000))))
            pairs.append((SegmentKey.maxTimestamp, String(floorDivide(high, 1000))))
        }
        pairs.append((SegmentKey.rows, String(totals.rows)))
        pairs.append((SegmentKey.kinds, json(totals.kinds)))
        return pairs
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value / divisor - (value % divisor < 0 ? 1 : 0)
    }

    /// `{"exec":{"rows":3,"weight":3.0}}`.
    static func json(_ kinds: [KindTotal]) -> String {
        let fields = kinds.map { kind in
            let weight = kind.weight.isFinite ? String(kind.weight) : "null"
            return "\"\(escaped(kind.name))\":{\"rows\":\(kind.rows),\"weight\":\(weight)}"
        }
        return "{" + fields.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Keys in a segment's footer.
public enum SegmentKey {
    /// Version of the columns.
    public static let schemaVersion = "tapio.schema_version"
    /// The node's name.
    public static let node = "tapio.node"
    /// The kernel's boot id.
    public static let bootID = "tapio.boot_id"
    /// One for each start of the agent.
    public static let runID = "tapio.run_id"
    /// UTC minus boot time when the file was opened, nanoseconds.
    public static let clockOffset = "tapio.clock_offset_ns"
    /// The segment's number on this node.
    public static let sequence = "tapio.sequence"
    /// Name of the segment before it; empty for the first.
    public static let previous = "tapio.previous"
    /// Hash of the configuration in force when the file was opened.
    public static let configHash = "tapio.config_hash"
    /// Earliest event, UTC microseconds since 1970.
    public static let minTimestamp = "tapio.time_min_us"
    /// Latest event, UTC microseconds since 1970.
    public static let maxTimestamp = "tapio.time_max_us"
    /// Rows of the file.
    public static let rows = "tapio.rows"
    /// JSON: rows and weight per kind.
    public static let kinds = "tapio.kinds"
    /// `true` in a file that was saved after a crash or repaired.
    public static let recovered = "tapio.recovered"
    /// Bytes that could not be saved then.
    public static let recoveredBytesLost = "tapio.recovered_bytes_lost"

    /// Of a merged segment: the names of those whose rows it has, oldest first, with commas between.
    public static let mergedFrom = "tapio.merged_from"

    /// Of a repaired copy: the names of the files, with their endings, whose whole row groups it has, with commas between.
    public static let repairedFrom = "tapio.repaired_from"

    /// Keys whose values follow from the rows.
    static let derived: Set<String> = [minTimestamp, maxTimestamp, rows, kinds]
}
