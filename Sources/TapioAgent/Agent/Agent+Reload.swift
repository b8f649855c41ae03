import Logging
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioPipeline

extension Agent {
    /// Reads the configuration again: checks it, finds what changed, applies that and nothing else. A bad file changes
    /// nothing. The outcome goes to the log, the status and the archive.
    func reload() async {
        let now = ClockOffset.bootNow()
        let before = configuration.fingerprint
        let loaded: LoadedConfiguration
        do throws(ConfigurationErrors) {
            loaded = try loader.load(sources)
        } catch {
            failedReloads += 1
            logger.error("reload refused, nothing changed: \(error)")
            await report(
                StatusReport.Reload(
                    at: clock.utcMicroseconds(boot: now),
                    isApplied: false,
                    changed: [],
                    needsRestart: [],
                    message: "\(error)"
                ),
                before: before,
                atNs: now
            )
            return
        }
        let diff = ConfigurationDiff(old: configuration, new: loaded.configuration, schema: loader.schema)
        configuration = loader.schema.applyingLiveChanges(from: loaded.configuration, to: configuration)
        files = loaded.files
        let errors = await apply(diff)
        // With the outcome, not before: whoever waits for the count finds the outcome beside it.
        reloads += 1
        let changed = diff.live.map(\.path)
        let waiting = diff.needingRestart.map(\.path)
        var message = diff.isEmpty ? "nothing changed" : "applied \(changed.count) changes"
        if !waiting.isEmpty { message += "; needs a restart: \(waiting.joined(separator: ", "))" }
        if !errors.isEmpty { message += "; " + errors.joined(separator: "; ") }
        logger.notice("reload: \(message)")
        await report(
            StatusReport.Reload(
                at: clock.utcMicroseconds(boot: now),
                isApplied: true,
                changed: changed,
                needsRestart: waiting,
                message: message
            ),
            before: before,
            atNs: now
        )
    }

    /// - Returns: what did not work, a line each.
    private func apply(_ diff: ConfigurationDiff) async -> [String] {
        guard !diff.live.isEmpty else { return [] }
        logSettings.follow(configuration.log, atLeast: minimumLevel)
        applyAggregation()
        await overflow.apply(configuration.overflow(registry))
        pipeline.update(configuration.readerTuning)
        await exporter.update(
            identity: identity.archiveIdentity(configuration, clock: clock),
            sync: configuration.syncPolicy,
            rotation: configuration.rotationPolicy,
            retention: configuration.retentionPolicy
        )
        compactor.apply(BackgroundCompactor.Settings(configuration.archive.compact))
        await exports.apply(configuration.exportSettings)
        await applyMetricsExport()
        let errors = await supervisor.apply(configuration.wantedCollectors)
        await followNames()
        await noteUnavailable()
        await surface.apply(configuration.http.listen)
        return errors.map(\.description) + [await surface.status.problem, privilegeShortfall()].compactMap(\.self)
    }

    /// Says once of each collector that is wanted and has nothing to watch here what would help.
    ///
    /// - Returns: how many there are.
    @discardableResult
    func noteUnavailable() async -> Int {
        var names: Set<String> = []
        for collector in await supervisor.status() {
            guard case .unavailable(let reason) = collector.state else { continue }
            names.insert(collector.name)
            if saidUnavailable.insert(collector.name).inserted {
                logger.notice("collector \(collector.name) has nothing to watch: \(reason)")
            }
        }
        saidUnavailable = names
        return names.count
    }

    private func report(_ outcome: StatusReport.Reload, before: UInt64, atNs: Int64) async {
        lastReload = outcome
        var row = LedgerRow(.reload, fromNs: atNs, toNs: atNs)
        row.stage = "agent"
        row.reason = outcome.isApplied ? "applied" : "refused"
        row.configHash = configuration.fingerprint
        row.configHashBefore = before
        row.note = outcome.message
        await exporter.note(row)
    }
}
