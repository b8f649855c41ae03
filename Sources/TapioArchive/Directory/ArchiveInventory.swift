/// The sealed segments of a node with their facts, from the catalogue where it knows them and from the files where not.
struct ArchiveInventory: Sendable {
    private(set) var tree: ArchiveTree
    /// Oldest first.
    private(set) var sealed: [SegmentFacts] = []
    /// Files that are not ours, as paths from the node's directory on.
    private(set) var foreign: [String] = []
    /// What the catalogue says of segments, by path from the node's directory on, whatever became of their files since.
    private(set) var catalogued: [String: SegmentTotals] = [:]
    /// Originals of a replacement that is under way or was interrupted, and the segment in whose favour they do not count,
    /// as paths from the node's directory on.
    private(set) var superseded: [String: String] = [:]
    /// The catalogue was missing, damaged, or not what lies in the directory.
    private(set) var isCatalogueStale = false

    /// Listings that are made while segments vanish under them, or are replaced, until what is there counts.
    private static let mostListings = 8

    init(_ directory: String, fileSystem: any FileSystem) throws(FileError) {
        tree = try ArchiveTree(directory, fileSystem: fileSystem)
        for listing in 1...Self.mostListings {
            if listing > 1 { tree = try ArchiveTree(directory, fileSystem: fileSystem) }
            if try read(directory, fileSystem: fileSystem) { return }
        }
    }

    /// Reads what the listing tells of. False where segments were replaced or removed since it was made, so that it has
    /// neither the old ones nor the new one.
    private mutating func read(_ directory: String, fileSystem: any FileSystem) throws(FileError) -> Bool {
        sealed = []
        superseded = [:]
        foreign = tree.foreign
        var isCurrent = true
        let catalogue = Catalogue.load(directory, fileSystem: fileSystem)
        catalogued = (catalogue ?? [:]).mapValues(\.totals)
        if let replacement = Replacement.underWay(in: directory, fileSystem: fileSystem) {
            if tree.entries.contains(where: { $0.relativePath == replacement.new }) {
                let old = Set(replacement.old)
                for entry in tree.entries where entry.role == .sealed && old.contains(entry.relativePath) {
                    superseded[entry.relativePath] = replacement.new
                }
            } else {
                isCurrent = false
            }
        }
        let entries = tree.entries.filter { $0.role == .sealed && superseded[$0.relativePath] == nil }
        isCatalogueStale = catalogue == nil ? !entries.isEmpty : catalogue?.count != entries.count
        for entry in entries {
            let size = try fileSystem.facts(of: "\(directory)/\(entry.relativePath)")?.size
            if size == nil { isCurrent = false }
            if let known = catalogue?[entry.relativePath], known.bytes == size {
                sealed.append(known)
                continue
            }
            isCatalogueStale = true
            let facts = SegmentFacts(
                name: entry.name,
                relativePath: entry.relativePath,
                in: directory,
                fileSystem: fileSystem
            )
            if let facts { sealed.append(facts) } else { foreign.append(entry.relativePath) }
        }
        return isCurrent
    }
}
