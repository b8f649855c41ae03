import FoundationEssentials
import TapioArchive
import TapioEvents
import TapioPipeline

/// What a recording says of the agent that made it: all that rows depend on beside the records themselves.
struct RecordingFacts: Codable, Sendable, Hashable {
    /// Version of these facts.
    var version = 1
    /// The agent's version.
    var tapio: String
    /// Stands for all kinds with their records and columns.
    var schema: String
    var node: String
    var bootID: String
    var runID: String
    var schemaVersion: String
    var configHash: String
    var createdBy: String
    var configuration: UInt64
    /// Boot time at which it was begun, nanoseconds.
    var startedBootNs: Int64
    var clockOffsetNs: Int64
    var batchRows: Int
    var batchBytes: Int
    var maxBatchAgeNs: UInt64
    var compressionLevel: Int32
    var windowNs: UInt64
    var maxGroups: Int
    var segmentBytes: Int64
    var segmentAgeNs: Int64
    var segmentGroups: Int

    /// Of an agent that is about to start.
    init(_ configuration: AgentConfiguration, identity: ArchiveIdentity, registry: SchemaRegistry, startedBootNs: Int64)
    {
        let pipeline = configuration.pipeline
        let rotation = configuration.rotationPolicy
        tapio = TapioVersion.current
        schema = registry.recordingFingerprint
        node = identity.node
        bootID = identity.bootID
        runID = identity.runID
        schemaVersion = identity.schemaVersion
        configHash = identity.configHash
        createdBy = identity.createdBy
        self.configuration = configuration.fingerprint
        self.startedBootNs = startedBootNs
        clockOffsetNs = identity.clockOffsetNs
        batchRows = pipeline.batch.rows
        batchBytes = pipeline.batch.bytes
        maxBatchAgeNs = pipeline.reader.tuning.maxBatchAgeNs
        compressionLevel = pipeline.compressionLevel
        windowNs = pipeline.reader.tuning.aggregation.windowNs
        maxGroups = pipeline.reader.tuning.aggregation.maxGroups
        segmentBytes = rotation.maxBytes
        segmentAgeNs = rotation.maxAgeNs
        segmentGroups = rotation.maxGroups
    }

    /// As they stand in a recording.
    var encoded: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Numbers and texts can always be encoded.
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }

    /// Facts of a recording that this version can replay.
    init(_ bytes: [UInt8], path: String, registry: SchemaRegistry) throws(RecordingError) {
        guard let facts = try? JSONDecoder().decode(RecordingFacts.self, from: Data(bytes)), facts.version == 1 else {
            throw RecordingError("\(path) was made by another version of tapio, which this one cannot replay")
        }
        guard facts.schema == registry.recordingFingerprint else {
            throw RecordingError(
                "\(path) was made by tapio \(facts.tapio), whose records are not those of this one (\(TapioVersion.current)): replay it with that version"
            )
        }
        let isSound =
            (1...RowBatch.Limits.maxRows).contains(facts.batchRows) && (65_536...(1 << 30)).contains(facts.batchBytes)
            && (1...65_536).contains(facts.maxGroups) && (1...19).contains(facts.compressionLevel)
            && facts.segmentBytes > 0 && facts.segmentAgeNs > 0 && facts.segmentGroups > 0
        guard isSound else { throw RecordingError("\(path) tells of settings that no agent can have") }
        self = facts
    }

    /// Whose rows they are.
    var identity: ArchiveIdentity {
        ArchiveIdentity(
            node: node,
            bootID: bootID,
            runID: runID,
            clockOffsetNs: clockOffsetNs,
            schemaVersion: schemaVersion,
            configHash: configHash,
            createdBy: createdBy
        )
    }

    /// How rows were made.
    var settings: ReplayReader.Settings {
        var settings = ReplayReader.Settings()
        settings.batch = RowBatch.Limits(rows: batchRows, bytes: batchBytes)
        settings.compressionLevel = compressionLevel
        settings.maxBatchAgeNs = maxBatchAgeNs
        settings.aggregation.windowNs = windowNs
        settings.aggregation.maxGroups = maxGroups
        return settings
    }

    /// When segments end.
    var rotation: RotationPolicy {
        var policy = RotationPolicy()
        policy.maxBytes = segmentBytes
        policy.maxAgeNs = segmentAgeNs
        policy.maxGroups = segmentGroups
        return policy
    }
}

extension SchemaRegistry {
    /// Equal where records and columns are the same.
    fileprivate var recordingFingerprint: String {
        var lines: [String] = []
        for schema in schemas {
            lines.append("\(schema.kind.rawValue) \(schema.name) \(schema.fixedSize) \(schema.stringOffsets)")
            for field in schema.fields { lines.append("  \(field.column.id) \(field.column.name)") }
        }
        for column in columns {
            lines.append("\(column.id) \(column.name) \(column.type.rawValue) \(column.isRequired)")
        }
        return RecordText.hex(XXHash64.hash(Array(lines.joined(separator: "\n").utf8)))
    }
}
