/// What a repair saved.
public struct RepairReport: Sendable, Hashable, CustomStringConvertible {
    /// The check before it.
    public let verdict: SegmentVerdict
    /// The repaired copy; nil if nothing was whole.
    public let repairedPath: String?
    /// What the damaged file is called now; nil if it is untouched because nothing was wrong, or it is not ours.
    public let corruptPath: String?
    /// Rows in the copy.
    public let rowsSaved: Int64

    /// One line.
    public var description: String {
        guard let corruptPath else { return "\(verdict.path): \(verdict.state.rawValue), left as it is" }
        let lost = "\(verdict.isRowsLostExact ? "" : "at least ")\(verdict.rowsLost) rows lost"
        let saved = repairedPath.map { "\(rowsSaved) rows saved to \($0)" } ?? "nothing saved"
        return "\(verdict.path): \(saved), \(lost), the damaged file is \(corruptPath)"
    }
}

/// Writes a repaired copy of a damaged segment beside it, and sets the damaged one aside.
public struct SegmentRepair: Sendable {
    private let fileSystem: any FileSystem

    /// Makes a repairer for files on `fileSystem`.
    public init(fileSystem: any FileSystem = PosixFileSystem()) { self.fileSystem = fileSystem }

    /// Saves every whole row group of the file at `path`, also those behind damaged ones.
    ///
    /// The copy is durable before the damaged file gets its new name (`….corrupt`); nothing is deleted. Files that are whole,
    /// and those that are not ours, are left alone. Where a crash came between the two, the copy is there already, and only
    /// the damaged file gets its new name. Must not be used on the segment that an agent has open.
    public func repair(_ path: String) throws(FileError) -> RepairReport {
        let file = try fileSystem.open(path)
        let scan = try FrameScanner.scan(file, depth: .everything)
        let verdict = SegmentVerifier.verdict(on: scan, of: file)
        guard verdict.state == .damaged || verdict.state == .open else {
            return RepairReport(verdict: verdict, repairedPath: nil, corruptPath: nil, rowsSaved: 0)
        }
        if let sealed = try sealedForm(of: path, rows: scan.rows) {
            return RepairReport(
                verdict: verdict,
                repairedPath: sealed.path,
                corruptPath: try SegmentRepair.setAside(path, fileSystem: fileSystem),
                rowsSaved: sealed.rows
            )
        }
        let copies = try RepairedCopy.all(of: path, fileSystem: fileSystem)
        if let copy = try RepairedCopy.settle(copies, rows: scan.rows, fileSystem: fileSystem) {
            return RepairReport(
                verdict: verdict,
                repairedPath: copy.path,
                corruptPath: try SegmentRepair.setAside(path, fileSystem: fileSystem),
                rowsSaved: copy.rows
            )
        }
        var marks = [
            Prologue.Fact(key: SegmentKey.recovered, value: "true"),
            Prologue.Fact(key: SegmentKey.recoveredBytesLost, value: String(scan.lostBytes)),
        ]
        let fileName = FilePath.name(of: path)
        if SegmentName.parse(fileName) != nil {
            let sources = (scan.prologue?.repairedFrom ?? []) + [fileName] + copies.map { FilePath.name(of: $0.path) }
            marks.append(Prologue.Fact(key: SegmentKey.repairedFrom, value: sources.joined(separator: ",")))
        }
        let target = try freePath(for: path)
        let saved = try SegmentSalvage.copy(scan, of: file, to: target, marks: marks, fileSystem: fileSystem)
        // They have less than the file, or were damaged since.
        if saved != nil {
            for copy in copies { _ = try SegmentRepair.setAside(copy.path, fileSystem: fileSystem) }
        }
        let corruptPath = try SegmentRepair.setAside(path, fileSystem: fileSystem)
        return RepairReport(
            verdict: verdict,
            repairedPath: saved == nil ? nil : target,
            corruptPath: corruptPath,
            rowsSaved: saved?.totals.rows ?? 0
        )
    }

    /// Of an open file with so many whole rows, the sealed form, if it lies beside it and has them: a crash came before the
    /// open one was removed.
    private func sealedForm(of path: String, rows: Int64) throws(FileError) -> (path: String, rows: Int64)? {
        guard let (name, role) = SegmentName.parse(FilePath.name(of: path)), role == .open else { return nil }
        let directory = FilePath.directory(of: path)
        let sealedPath = (directory.isEmpty ? "" : directory + "/") + name.fileName(.sealed)
        guard try fileSystem.facts(of: sealedPath) != nil else { return nil }
        let scan = try FrameScanner.scan(try fileSystem.open(sealedPath), depth: .everything)
        return scan.isSealed && scan.rows >= rows ? (sealedPath, scan.rows) : nil
    }

    /// Renames a file to `….corrupt`, with a number if that name is taken, and returns the new path.
    static func setAside(_ path: String, fileSystem: any FileSystem) throws(FileError) -> String {
        var target = path + SegmentName.Role.corrupt.rawValue
        var number = 1
        while try fileSystem.facts(of: target) != nil {
            number += 1
            target = "\(path).\(number)\(SegmentName.Role.corrupt.rawValue)"
        }
        try fileSystem.rename(path, to: target)
        try fileSystem.syncDirectory(FilePath.directory(of: path))
        return target
    }

    /// The name of the next repaired copy that nobody has.
    private func freePath(for path: String) throws(FileError) -> String {
        let directory = FilePath.directory(of: path)
        let fileName = FilePath.name(of: path)
        let prefix = directory.isEmpty ? "" : directory + "/"
        let name = SegmentName.parse(fileName)?.name
        let stem = fileName.firstIndex(of: ".").map { String(fileName[..<$0]) } ?? fileName
        var repair = (name?.repair ?? 0) + 1
        while true {
            let candidate =
                name.map {
                    SegmentName(
                        startMicros: $0.startMicros,
                        bootID: $0.bootID,
                        sequence: $0.sequence,
                        repair: repair
                    ).fileName(.sealed)
                } ?? "\(stem)-r\(repair).parquet"
            if try fileSystem.facts(of: prefix + candidate) == nil { return prefix + candidate }
            repair += 1
        }
    }
}
