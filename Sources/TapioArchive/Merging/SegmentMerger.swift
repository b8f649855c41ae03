/// Writes the rows of several segments of one run of an agent into one, in the order of time.
///
/// A segment's books are in it: its ledger rows say how many rows of each kind it has. So segments are merged whole, and the
/// sums hold for the merged one. What was written is read back and compared with what was read, value by value, before anybody
/// gets to see it.
public struct SegmentMerger: Sendable {
    /// Rows of a merged row group.
    public static let groupRows = 131_072

    /// How rows lie within a row group.
    public var order: RowOrder
    /// zstd's level, 1 to 19.
    public var level: Int32
    /// Rows of row groups that overlap in time that are in memory together, with 24 bytes each.
    public var mostOpenRows = TimeMerge.mostOpenRows
    /// Bytes of different texts of a column that a merged row group has; where there are more it becomes several. At least
    /// ``BytesInterner/longestValue``.
    public var mostTextBytes = BytesInterner.mostBytes
    /// Called after each column of a row group that was written, and after each row group that was read back: the place to
    /// wait. False ends the merge.
    public var pause: @Sendable () -> Bool
    private let fileSystem: any FileSystem

    /// A merger.
    public init(
        order: RowOrder,
        level: Int32,
        fileSystem: any FileSystem = PosixFileSystem(),
        pause: @escaping @Sendable () -> Bool = { true }
    ) {
        self.order = order
        self.level = level
        self.fileSystem = fileSystem
        self.pause = pause
    }

    /// A merged segment that is durable and was verified, but has no name yet that a reader would find.
    public struct Merged: Sendable {
        /// The file as it is.
        let temporaryPath: String
        /// Where it belongs.
        public let sealedPath: String
        /// What it holds.
        public let facts: SegmentFacts
        /// Whether so much overlapped in time that its row groups overlap too.
        public let isOverlapping: Bool
        /// What it lacks of the originals, a line for each that was salvaged.
        public let losses: [String]
    }

    /// A segment to be merged: its file, and where it stands in time.
    struct Input {
        let path: String
        let prologue: Prologue
        let segment: OpenedSegment
        let totals: SegmentTotals
        /// What is left out; nil where it is whole.
        var loss: String?
    }

    /// Merges the sealed segments at `paths`, oldest first, into one of `name` in the node's `directory`, under the hour of
    /// its name. At most ``MergePlan/mostSegments``.
    ///
    /// - Parameter salvaging: Those that are known to be damaged: of them, the row groups that are whole are taken.
    /// - Throws: Where one is damaged or does not belong to the first; then no file is left behind.
    public func merge(
        _ paths: [String],
        as name: SegmentName,
        in directory: String,
        salvaging: Set<String> = []
    ) throws(MergeError) -> Merged {
        precondition(!paths.isEmpty, "nothing to merge")
        do {
            let inputs = try paths.map { try salvaging.contains($0) ? salvage($0) : open($0) }
            return try write(inputs, as: name, in: directory)
        } catch let error as MergeError {
            throw error
        } catch let error as FileError {
            throw .file(error)
        } catch let error as ArchiveReadError {
            throw MergeError(error)
        } catch {
            throw .different(path: directory, reason: "\(error)")
        }
    }

    /// Gives the file its name. From then on readers find it.
    public func publish(_ merged: Merged) throws(FileError) {
        try fileSystem.rename(merged.temporaryPath, to: merged.sealedPath)
        try fileSystem.syncDirectory(FilePath.directory(of: merged.sealedPath))
    }

    /// Removes the file again, before it got its name.
    public func discard(_ merged: Merged) { try? fileSystem.remove(merged.temporaryPath) }

    private func open(_ path: String) throws -> Input {
        let scan = try FrameScanner.scan(try fileSystem.open(path), depth: .facts)
        guard let prologue = scan.prologue, scan.endsWithFooter else {
            let reason = scan.problems.first.map { "\($0)" } ?? "it does not end with a footer"
            throw MergeError.damaged(path: path, reason: reason)
        }
        let segment = OpenedSegment(scan: scan, file: try fileSystem.map(path), path: path)
        if let problem = segment.problems.first { throw MergeError.damaged(path: path, reason: "\(problem)") }
        var totals = SegmentTotals()
        for group in scan.groups { totals.add(group) }
        return Input(path: path, prologue: prologue, segment: segment, totals: totals)
    }

    /// What is whole of a damaged segment, as a repair would save it.
    private func salvage(_ path: String) throws -> Input {
        let scan = try FrameScanner.scan(try fileSystem.open(path), depth: .everything)
        let problem = scan.problems.first.map { "\($0)" } ?? "not all of it can be read"
        guard var prologue = scan.prologue else { throw MergeError.damaged(path: path, reason: problem) }
        let segment = OpenedSegment(scan: scan, file: try fileSystem.map(path), path: path)
        let whole = Set(segment.rowGroups.map(\.ordinal))
        guard !whole.isEmpty else { throw MergeError.damaged(path: path, reason: "no row group of it is whole") }
        var totals = SegmentTotals()
        for group in scan.groups where whole.contains(Int(group.header.ordinal)) { totals.add(group) }
        prologue[SegmentKey.recovered] = "true"
        prologue[SegmentKey.recoveredBytesLost] = String(scan.lostBytes)
        let lost = scan.rowsLost(wasSealed: true)
        let rows = lost.isExact ? "\(lost.count) rows" : "at least \(lost.count) rows"
        return Input(
            path: path,
            prologue: prologue,
            segment: segment,
            totals: totals,
            loss: "\(path) is damaged (\(problem)): what is whole of it was taken, and \(rows) were left out"
        )
    }

    private func write(_ inputs: [Input], as name: SegmentName, in directory: String) throws -> Merged {
        let first = inputs[0]
        for input in inputs.dropFirst() {
            if input.prologue.schema != first.prologue.schema {
                throw MergeError.unlike(path: input.path, reason: "it has other columns")
            }
            if input.prologue[SegmentKey.runID] != first.prologue[SegmentKey.runID] {
                throw MergeError.unlike(path: input.path, reason: "it is of another run of the agent")
            }
        }
        var expected = SegmentTotals()
        for input in inputs { expected.add(input.totals) }
        let hour = "\(directory)/\(ArchiveHour(timestampNs: name.startMicros &* 1000).path)"
        let target = "\(hour)/\(name.fileName(.sealed))"
        if try fileSystem.facts(of: target) != nil {
            throw MergeError.unlike(path: target, reason: "that name is taken")
        }
        let changed = try fileSystem.makeDirectories(hour)
        let temporary = "\(hour)/\(name.fileName(.temporary))"
        // What an attempt before left.
        if try fileSystem.facts(of: temporary) != nil { try fileSystem.remove(temporary) }
        var writer = try SegmentWriter(
            name: name,
            directory: hour,
            openAs: .temporary,
            prologue: prologue(of: inputs, name: name),
            openedAtNs: 0,
            unsyncedDirectories: changed,
            interimFooters: .never,
            fileSystem: fileSystem
        )
        do {
            let (digest, overlaps) = try fill(&writer, inputs, kinds: expected.kinds)
            try writer.complete()
            try verify(temporary, expected: expected, digest: digest)
            return Merged(
                temporaryPath: temporary,
                sealedPath: writer.sealedPath,
                facts: SegmentFacts(
                    name: name,
                    relativePath: "\(writer.hour.path)/\(name.fileName(.sealed))",
                    bytes: writer.end,
                    totals: writer.totals,
                    isRecovered: writer.prologue[SegmentKey.recovered] == "true"
                ),
                isOverlapping: overlaps > 0,
                losses: inputs.compactMap(\.loss)
            )
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    private func fill(
        _ writer: inout SegmentWriter,
        _ inputs: [Input],
        kinds: [KindTotal]
    ) throws -> (RowDigest, overlaps: Int) {
        let sources = inputs.flatMap { input in
            input.segment.rowGroups.map { MergeSource(segment: input.segment, group: $0) }
        }
        var merge = TimeMerge(sources, mostOpenRows: mostOpenRows)
        var encoder = PortionEncoder(
            schema: inputs[0].prologue.schema,
            kinds: kinds,
            order: order,
            level: level,
            mostTextBytes: mostTextBytes
        )
        var sequence: UInt64 = 0
        while let portion = try merge.next(limit: Self.groupRows) {
            for var batch in try encoder.batches(of: portion, between: rest) {
                batch.sequence = sequence
                sequence += 1
                try writer.append(batch)
            }
            // What was read of the originals is not needed again, or comes from the file's cache.
            for input in inputs { input.segment.file.forgetPages() }
            try rest()
        }
        return (encoder.digest, merge.overlaps)
    }

    private func rest() throws {
        if !pause() { throw MergeError.cancelled }
    }

    /// The facts of the first, and what is to be known of all.
    private func prologue(of inputs: [Input], name: SegmentName) -> Prologue {
        var prologue = inputs[0].prologue
        prologue.totals = nil
        // Facts that an agent adds when it seals are totals so far: the last one's are those of all.
        for fact in inputs[inputs.count - 1].prologue.facts where !Self.ofFirst.contains(fact.key) {
            prologue[fact.key] = fact.value
        }
        let isRecovered = inputs.contains { $0.prologue[SegmentKey.recovered] == "true" }
        prologue[SegmentKey.recovered] = isRecovered ? "true" : "false"
        let lost = inputs.reduce(Int64(0)) { sum, input in
            // What a file says of itself is not believed beyond what files can have.
            min(sum + min(max(0, Int64(input.prologue[SegmentKey.recoveredBytesLost] ?? "") ?? 0), 1 << 50), 1 << 50)
        }
        if isRecovered { prologue[SegmentKey.recoveredBytesLost] = String(lost) }
        prologue[SegmentKey.mergedFrom] = inputs.flatMap(Self.origins).joined(separator: ",")
        // They are among those.
        prologue[SegmentKey.repairedFrom] = nil
        return prologue
    }

    /// The names of segments whose rows an input has.
    private static func origins(_ input: Input) -> [String] {
        // One that was merged itself tells of those before it.
        if let names = input.prologue[SegmentKey.mergedFrom] { return [names] }
        let fileName = FilePath.name(of: input.path)
        let own = SegmentName.parse(fileName)?.name.description ?? fileName
        // What was saved of a damaged one has its rows as well, should that be found in a backup.
        return [own] + input.prologue.repairedNames.subtracting([own]).sorted()
    }

    /// Facts of which the first segment's hold for the merged one.
    private static let ofFirst: Set<String> = [
        SegmentKey.schemaVersion, SegmentKey.node, SegmentKey.bootID, SegmentKey.runID, SegmentKey.clockOffset,
        SegmentKey.sequence, SegmentKey.previous, SegmentKey.configHash,
    ]

    // MARK: Proof

    /// Reads back what was written: every checksum, the sums per kind, and each value in its row.
    private func verify(_ path: String, expected: SegmentTotals, digest: RowDigest) throws {
        let verdict = try SegmentVerifier(fileSystem: fileSystem).verify(path)
        guard verdict.state == .sealed else {
            throw MergeError.different(path: path, reason: verdict.problems.first.map { "\($0)" } ?? "not sealed")
        }
        guard verdict.totals.rows == expected.rows else {
            throw MergeError.different(path: path, reason: "\(verdict.totals.rows) rows of \(expected.rows)")
        }
        let segment = try open(path).segment
        // What a file without that column says of its kinds, its rows don't.
        let kinds = segment.schema.index(of: "kind") == nil ? [] : expected.kinds
        guard verdict.totals.kinds.count == kinds.count else {
            throw MergeError.different(path: path, reason: "other kinds")
        }
        for (written, kind) in zip(verdict.totals.kinds, kinds) {
            // Weights are added in another order.
            guard written.name == kind.name, written.rows == kind.rows,
                abs(written.weight - kind.weight) <= 1e-9 * max(1, abs(kind.weight))
            else { throw MergeError.different(path: path, reason: "other sums of \(kind.name)") }
        }
        let readBack = try RowDigest(segment, between: rest)
        guard readBack == digest else { throw MergeError.different(path: path, reason: "values differ") }
    }
}

extension SegmentTotals {
    /// Adds what another segment holds.
    mutating func add(_ other: SegmentTotals) {
        groups += other.groups
        rows += other.rows
        if let low = other.minTimestampNs { minTimestampNs = min(minTimestampNs ?? low, low) }
        if let high = other.maxTimestampNs { maxTimestampNs = max(maxTimestampNs ?? high, high) }
        add(other.kinds)
    }
}
