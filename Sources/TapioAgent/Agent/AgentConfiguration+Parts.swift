import Logging
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioRings

// What the parts of the agent take from the configuration.
extension AgentConfiguration {
    /// Every key, with the collectors' own options and the kinds that can be sampled.
    public static let schema = ConfigurationSchema(
        collectors: CollectorRegistry.all.map(CollectorOptionDeclaration.init),
        kinds: CollectorRegistry.schemas.schemas.filter { $0.kind != .ledger }.map(\.name),
        groupedKinds: CollectorRegistry.schemas.schemas.filter { $0.aggregation != nil }.map(\.name)
    )

    var kernelPlane: KernelPlaneConfiguration {
        var plane = KernelPlaneConfiguration()
        plane.urgentBytes = rings.urgentBytes
        plane.bulkBytes = rings.bulkBytes
        return plane
    }

    var pipeline: PipelineConfiguration {
        var result = PipelineConfiguration()
        result.batch = RowBatch.Limits(rows: batch.maxRows, bytes: batch.maxBytes)
        result.maxBatchBytes = queue.maxBytes
        result.maxEncodedBytes = queue.maxEncodedBytes
        result.maxKeptBytes = queue.retryBytes
        result.encoders = encoders ?? 1
        result.compressionLevel = Int32(archive.compressionLevel)
        result.reader.tuning = readerTuning
        return result
    }

    /// How each reader of a plan works. A CPU that the operator named holds for all of them.
    func readerConfigurations(_ plan: ReaderPlan) -> [ReaderConfiguration] {
        plan.readers.map { reader in
            var result = ReaderConfiguration()
            if plan.readers.count > 1 {
                let name = "tapio-\(reader.name)"
                result.name = name.utf8.count <= PinnedThread.longestName ? name : reader.name
            }
            result.cpus = self.reader.cpu.map { [$0] } ?? reader.runsOn
            result.node = reader.node
            result.tuning = readerTuning
            return result
        }
    }

    var readerTuning: ReaderTuning {
        var tuning = ReaderTuning()
        tuning.drainIntervalNs = reader.drainIntervalNs
        tuning.idleIntervalNs = reader.idleIntervalNs
        tuning.maxBatchAgeNs = batch.maxAgeNs
        tuning.aggregation.windowNs = aggregation.windowNs
        tuning.aggregation.maxGroups = aggregation.maxAggregates
        return tuning
    }

    var syncPolicy: TapioArchive.SyncPolicy {
        switch archive.sync {
        case .batch: .batch
        case .interval: .interval(ns: 1_000_000_000)
        case .segment: .segment
        }
    }

    var rotationPolicy: RotationPolicy {
        var policy = RotationPolicy()
        policy.maxBytes = Int64(archive.segment.maxBytes)
        policy.maxAgeNs = Int64(clamping: archive.segment.maxAgeNs)
        policy.maxGroups = archive.segment.maxGroups
        return policy
    }

    var retentionPolicy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.maxBytes = archive.retention.maxBytes.map { Int64($0) }
        policy.maxAgeNs = archive.retention.maxAgeNs.map { Int64(clamping: $0) }
        policy.minFreeShare =
            archive.retention.minFreePercent == 0 ? nil : Double(archive.retention.minFreePercent) / 100
        return policy
    }

    /// The collectors that should run, with their options.
    var wantedCollectors: [String: CollectorOptions] {
        var wanted: [String: CollectorOptions] = [:]
        for descriptor in CollectorRegistry.all {
            guard collectors[descriptor.name]?.enabled == true else { continue }
            wanted[descriptor.name] = options(of: descriptor)
        }
        return wanted
    }

    /// The options of a collector, switched on or not.
    func options(of collector: CollectorDescriptor) -> CollectorOptions {
        var options = CollectorOptions()
        guard let settings = collectors[collector.name] else { return options }
        for option in collector.options {
            if let value = settings.integer(option.name) { options[option] = value }
            if let texts = settings.list(option.name) { options.set(option, texts) }
            if case .choice(let words) = option.form, case .word(let word) = settings.options[option.name],
                let place = words.firstIndex(of: word)
            {
                options[option] = place
            }
        }
        return options
    }

    /// What the operator says about sampling, for the kinds of `registry`.
    func overflow(_ registry: SchemaRegistry) -> OverflowSettings {
        var settings = OverflowSettings()
        settings.policy.isAutomatic = overload.mode == .auto
        settings.policy.high = overload.high
        settings.policy.low = overload.low
        for schema in registry.schemas where schema.kind != .ledger {
            settings.ceilings[schema.kind] = sampling[schema.name]
            if schema.aggregation != nil, aggregationPolicy(of: schema) != .off {
                settings.aggregatable.insert(schema.kind)
            }
            settings.modes[schema.kind] =
                switch samplingModes[schema.name] {
                case nil: nil
                case .independent: .independent
                case .process: .process
                }
        }
        return settings
    }

    /// When events of a kind are merged into summaries.
    func aggregationPolicy(of schema: EventSchema) -> TapioPipeline.AggregationPolicy {
        switch aggregation.kinds[schema.name] ?? .overload {
        case .always: .always
        case .overload: .overload
        case .off: .off
        }
    }

    /// The configuration's fingerprint as it stands in archives and status.
    var fingerprintText: String { RecordText.hex(fingerprint) }
}

extension CollectorOptionDeclaration {
    /// What the registry knows of a collector, as keys of the configuration.
    init(_ descriptor: CollectorDescriptor) {
        self.init(
            collector: descriptor.name,
            summary: descriptor.summary,
            enabledByDefault: descriptor.isOnByDefault,
            options: descriptor.options.map(Option.init)
        )
    }
}

extension CollectorOptionDeclaration.Option {
    init(_ option: CollectorOption) {
        let unit = option.name.split(separator: "_").last.map(String.init) ?? ""
        let (type, value): (ConfigurationType, ConfigurationValue) =
            switch option.form {
            case .flag: (.flag, .flag(option.defaultValue != 0))
            case .duration:
                (
                    .duration(UInt64(option.range.lowerBound)...UInt64(option.range.upperBound)),
                    .duration(UInt64(option.defaultValue))
                )
            case .percent: (.integer(option.range, unit: "percent"), .integer(option.defaultValue))
            case .choice(let words): (.choice(words), .word(words[option.defaultValue]))
            case .list(let item): (.list(.init(item), most: option.range.upperBound), .list(option.defaultTexts))
            case .number where unit == "bytes": (.size(option.range), .bytes(option.defaultValue))
            case .number: (.integer(option.range, unit: unit), .integer(option.defaultValue))
            }
        self.init(name: option.name, type: type, defaultValue: value, summary: option.summary, reload: .live)
    }
}

extension ConfigurationType.ListItem {
    init(_ item: CollectorOption.Item) {
        self =
            switch item {
            case .path: .path(maxBytes: CollectorOption.maxItemBytes)
            case .text: .text(maxBytes: CollectorOption.maxItemBytes)
            case .choice(let words): .choice(words)
            }
    }
}

extension AgentLogHandler.Settings {
    /// Takes level and form from the configuration.
    func follow(_ log: AgentConfiguration.Log, atLeast minimum: Logger.Level?) {
        let wanted = Logger.Level(rawValue: log.level.rawValue) ?? .info
        level = minimum.map { max($0, wanted) } ?? wanted
        form = log.format == .json ? .json : .text
    }
}
