import TapioHTTP
import TapioKubernetes
import TapioRings

/// Two keys whose values are each allowed and make no sense together.
struct ConfigurationConflict {
    let key: String
    let other: String
    let message: String
    let remedy: String

    /// All conflicts of a configuration.
    static func all(in configuration: AgentConfiguration) -> [Self] {
        var conflicts: [Self] = []
        let reader = configuration.reader
        if reader.idleIntervalNs < reader.drainIntervalNs {
            conflicts.append(
                Self(
                    key: "reader.idle_interval",
                    other: "reader.drain_interval",
                    message: "\(DurationNotation.text(reader.idleIntervalNs)) is shorter than reader.drain_interval, "
                        + DurationNotation.text(reader.drainIntervalNs),
                    remedy: "raise it, or lower reader.drain_interval"
                )
            )
        }
        let isOne = configuration.readers == .auto || configuration.readers == .count(1)
        if let cpu = reader.cpu, !isOne {
            conflicts.append(
                Self(
                    key: "reader.cpu",
                    other: "readers",
                    message: "\(cpu) would pin all of readers, \(configuration.readers.value), to one CPU",
                    remedy: "make it auto, so that each reader runs on the CPUs whose rings it reads, or readers 1"
                )
            )
        }
        if configuration.queue.maxBytes < 2 * configuration.batch.maxBytes {
            conflicts.append(
                Self(
                    key: "queue.max_bytes",
                    other: "batch.max_bytes",
                    message:
                        "\(SizeNotation.text(configuration.queue.maxBytes)) has no room for one batch that fills and "
                        + "one that is encoded, batch.max_bytes \(SizeNotation.text(configuration.batch.maxBytes)) each",
                    remedy: "raise it, or lower batch.max_bytes"
                )
            )
        }
        let overload = configuration.overload
        if overload.low >= overload.high {
            conflicts.append(
                Self(
                    key: "overload.low",
                    other: "overload.high",
                    message: "\(overload.low) is not below overload.high, \(overload.high)",
                    remedy: "lower it, or raise overload.high"
                )
            )
        }
        let archive = configuration.archive
        if let kept = archive.retention.maxBytes, kept < archive.segment.maxBytes {
            conflicts.append(
                Self(
                    key: "archive.retention.max_bytes",
                    other: "archive.segment.max_bytes",
                    message: "\(SizeNotation.text(kept)) is less than one segment, archive.segment.max_bytes "
                        + SizeNotation.text(archive.segment.maxBytes),
                    remedy: "raise it, or lower archive.segment.max_bytes"
                )
            )
        }
        if let listen = configuration.http.listen {
            do throws(HTTPAddressError) {
                _ = try HTTPAddress(listen)
            } catch {
                conflicts.append(
                    Self(
                        key: "http.listen",
                        other: "http.listen",
                        message: "\(QuotedText.text(listen)) is no address to listen on: \(error)",
                        remedy: "write it as 127.0.0.1:19464, [::1]:19464, unix:/run/tapio/http.sock or off"
                    )
                )
            }
        }
        let kubernetes = configuration.kubernetes
        if let url = kubernetes.url, let flaw = APIServer.flaw(inURL: url) {
            conflicts.append(
                Self(
                    key: "kubernetes.url",
                    other: "kubernetes.url",
                    message: "is no URL of an API server: \(flaw)",
                    remedy: "give it as https://host:port"
                )
            )
        }
        if kubernetes.kubeconfig != nil {
            for (key, value) in [
                ("url", kubernetes.url), ("ca_file", kubernetes.caFile), ("token_file", kubernetes.tokenFile),
            ] where value != nil {
                conflicts.append(
                    Self(
                        key: "kubernetes.kubeconfig",
                        other: "kubernetes.\(key)",
                        message: "says what kubernetes.\(key) says too",
                        remedy: "give one of them"
                    )
                )
            }
        }
        return conflicts + exports(in: configuration)
    }
}
