import Glibc

/// Finds what can be read: an archive, one node of it, or a single file. Needs no lock and never writes; what an agent is
/// writing meanwhile can be read as far as it is whole.
public struct ArchiveReader: Sendable {
    /// Which segments of an archive are wanted.
    public enum Scope: Sendable, Hashable {
        /// Only those that are complete.
        case sealed
        /// Those being written as well.
        case sealedAndOpen
    }

    /// The segments, by the time of their first event.
    public let segments: [ArchiveSegment]
    /// Files that are left out, each with the reason, one line each.
    public let warnings: [String]
    /// Segments that are left out since another one that is here has their rows, as a rule a merged one: the path of that
    /// one, by theirs. Nothing is missing for it.
    public let duplicates: [String: String]

    /// Lists what is at `path`: the archive's root (with `node=…` in it), a node's directory, or a file of any name.
    ///
    /// Facts come from each node's catalogue where it knows a segment, else from the segment's frames.
    public init(
        path: String,
        scope: Scope = .sealedAndOpen,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(FileError) {
        let entries: [DirectoryEntry]
        do throws(FileError) {
            entries = try fileSystem.list(path)
        } catch  where error.code == ENOTDIR {
            segments = [try ArchiveSegment(file: path, node: nil, name: nil, fileSystem: fileSystem)]
            warnings = []
            duplicates = [:]
            return
        }
        var listing = Listing(scope: scope, fileSystem: fileSystem)
        let nodes = entries.filter { $0.isDirectory && $0.name.hasPrefix("node=") }
        for entry in nodes {
            try listing.add(directory: "\(path)/\(entry.name)", node: String(entry.name.dropFirst(5)))
        }
        if nodes.isEmpty {
            let own = FilePath.name(of: path)
            try listing.add(directory: path, node: own.hasPrefix("node=") ? String(own.dropFirst(5)) : nil)
        }
        segments = listing.segments.sorted { left, right in
            let leftTime = left.totals.minTimestampNs ?? .min
            let rightTime = right.totals.minTimestampNs ?? .min
            return (leftTime, left.path) < (rightTime, right.path)
        }
        warnings = listing.warnings
        duplicates = listing.duplicates
    }

    /// Collects the segments of several nodes.
    private struct Listing {
        let scope: Scope
        let fileSystem: any FileSystem
        var segments: [ArchiveSegment] = []
        var warnings: [String] = []
        var duplicates: [String: String] = [:]

        init(scope: Scope, fileSystem: any FileSystem) {
            self.scope = scope
            self.fileSystem = fileSystem
        }

        mutating func add(directory: String, node: String?) throws(FileError) {
            let inventory = try ArchiveInventory(directory, fileSystem: fileSystem)
            var found = inventory.sealed.map { facts in
                var segment = ArchiveSegment(facts: facts, directory: directory, node: node, fileSystem: fileSystem)
                segment.cataloguedTotals = inventory.catalogued[facts.relativePath]
                return segment
            }
            for path in inventory.foreign { warnings.append("\(directory)/\(path): not a segment of this archive") }
            for entry in inventory.tree.entries {
                let path = "\(directory)/\(entry.relativePath)"
                switch entry.role {
                case .open where scope == .sealedAndOpen: add(open: entry.name, path: path, node: node, to: &found)
                case .corrupt: warnings.append("\(path): damaged; what could be saved of it is elsewhere")
                case .open, .sealed, .temporary, .pin: break
                }
            }
            let twice = MergedSegments.duplicates(in: found)
            segments += found.filter { twice[$0.path] == nil }
            duplicates.merge(twice) { first, _ in first }
            for (old, new) in inventory.superseded { duplicates["\(directory)/\(old)"] = "\(directory)/\(new)" }
        }

        private mutating func add(
            open name: SegmentName,
            path: String,
            node: String?,
            to found: inout [ArchiveSegment]
        ) {
            do throws(FileError) {
                let segment = try ArchiveSegment(file: path, node: node, name: name, fileSystem: fileSystem)
                if segment.totals.rows > 0 { found.append(segment) }
            } catch  where error.code == ENOENT {
                // Sealed since we looked: under its new name, unless that was listed already.
                let sealedPath = String(path.dropLast(".part".count))
                guard !found.contains(where: { $0.path == sealedPath }),
                    let segment = try? ArchiveSegment(file: sealedPath, node: node, name: name, fileSystem: fileSystem)
                else { return }
                found.append(segment)
            } catch {
                warnings.append("\(error)")
            }
        }
    }
}
