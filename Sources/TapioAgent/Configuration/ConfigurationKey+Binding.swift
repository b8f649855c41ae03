import TapioRings

/// Where in the configuration a key's value is stored.
typealias ConfigurationStorage<Value> = any WritableKeyPath<AgentConfiguration, Value> & Sendable

extension ConfigurationKey {
    /// A key whose value is stored at a key path of ``AgentConfiguration``; its default is what a new one holds there.
    private init<Stored: Sendable>(
        _ path: String,
        _ storage: ConfigurationStorage<Stored>,
        _ type: ConfigurationType,
        word: String? = nil,
        reload: ConfigurationReload,
        _ summary: String,
        wrap: @escaping @Sendable (Stored) -> ConfigurationValue,
        unwrap: @escaping @Sendable (ConfigurationValue) -> Stored?
    ) {
        self.init(
            path: path,
            type: type,
            word: word,
            defaultValue: wrap(AgentConfiguration()[keyPath: storage]),
            summary: summary,
            reload: reload,
            isOneOfMany: false,
            read: { wrap($0[keyPath: storage]) },
            write: { configuration, value in
                // A checked value always fits; an unchecked one of another type changes nothing.
                if let stored = unwrap(value) { configuration[keyPath: storage] = stored }
            }
        )
    }

    static func flag(
        _ path: String,
        _ storage: ConfigurationStorage<Bool>,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(path, storage, .flag, reload: reload, summary, wrap: { .flag($0) }) { value in
            if case .flag(let isOn) = value { isOn } else { nil }
        }
    }

    static func integer(
        _ path: String,
        _ storage: ConfigurationStorage<Int>,
        _ range: ClosedRange<Int>,
        unit: String,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(path, storage, .integer(range, unit: unit), reload: reload, summary, wrap: { .integer($0) }) {
            $0.asInteger
        }
    }

    static func integer(
        _ path: String,
        _ storage: ConfigurationStorage<Int?>,
        _ range: ClosedRange<Int>,
        or word: String,
        unit: String,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(
            path,
            storage,
            .integer(range, unit: unit),
            word: word,
            reload: reload,
            summary,
            wrap: { $0.map { .integer($0) } ?? .word(word) },
            unwrap: { .some($0.asInteger) }
        )
    }

    static func size(
        _ path: String,
        _ storage: ConfigurationStorage<Int>,
        _ type: ConfigurationType,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(path, storage, type, reload: reload, summary, wrap: { .bytes($0) }) { $0.asInteger }
    }

    static func size(
        _ path: String,
        _ storage: ConfigurationStorage<Int?>,
        _ range: ClosedRange<Int>,
        or word: String,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(
            path,
            storage,
            .size(range),
            word: word,
            reload: reload,
            summary,
            wrap: { $0.map { .bytes($0) } ?? .word(word) },
            unwrap: { .some($0.asInteger) }
        )
    }

    static func duration(
        _ path: String,
        _ storage: ConfigurationStorage<UInt64>,
        _ range: ClosedRange<UInt64>,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(path, storage, .duration(range), reload: reload, summary, wrap: { .duration($0) }) { $0.asNanoseconds }
    }

    static func duration(
        _ path: String,
        _ storage: ConfigurationStorage<UInt64?>,
        _ range: ClosedRange<UInt64>,
        or word: String,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(
            path,
            storage,
            .duration(range),
            word: word,
            reload: reload,
            summary,
            wrap: { $0.map { .duration($0) } ?? .word(word) },
            unwrap: { .some($0.asNanoseconds) }
        )
    }

    static func fraction(
        _ path: String,
        _ storage: ConfigurationStorage<Double>,
        _ range: ClosedRange<Double>,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(path, storage, .fraction(range), reload: reload, summary, wrap: { .fraction($0) }) { value in
            if case .fraction(let fraction) = value { fraction } else { nil }
        }
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ path: String,
        _ storage: ConfigurationStorage<Choice>,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(
            path,
            storage,
            .choice(Choice.allCases.map(\.rawValue)),
            reload: reload,
            summary,
            wrap: { .word($0.rawValue) },
            unwrap: { value in
                guard case .word(let word) = value else { return nil }
                return Choice(rawValue: word)
            }
        )
    }

    static func readers(
        _ path: String,
        _ storage: ConfigurationStorage<ReaderPolicy>,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(
            path,
            storage,
            .choiceOrCount(ReaderPolicy.words, ReaderPolicy.counts, unit: "threads"),
            reload: reload,
            summary,
            wrap: { $0.value },
            unwrap: { ReaderPolicy($0) }
        )
    }

    static func path(
        _ path: String,
        _ storage: ConfigurationStorage<String>,
        maxBytes: Int,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(path, storage, .path(maxBytes: maxBytes), reload: reload, summary, wrap: { .text($0) }) { $0.asText }
    }

    static func text(
        _ path: String,
        _ storage: ConfigurationStorage<String?>,
        maxBytes: Int,
        or word: String,
        _ reload: ConfigurationReload,
        _ summary: String
    ) -> Self {
        Self(
            path,
            storage,
            .text(maxBytes: maxBytes),
            word: word,
            reload: reload,
            summary,
            wrap: { $0.map { .text($0) } ?? .word(word) },
            unwrap: { .some($0.asText) }
        )
    }
}

extension ConfigurationValue {
    fileprivate var asInteger: Int? {
        switch self {
        case .integer(let value), .bytes(let value): value
        default: nil
        }
    }

    fileprivate var asNanoseconds: UInt64? {
        guard case .duration(let ns) = self else { return nil }
        return ns
    }

    fileprivate var asText: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }
}
