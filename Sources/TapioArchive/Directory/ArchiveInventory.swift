/// The sealed segments of a node with their facts, from the catalogue where it knows them and from the files where not.
struct ArchiveInventory: Sendable {
    let tree: ArchiveTree
    /// Oldest first.
    private(set) var sealed: [SegmentFacts] = []
    /// Files that are not ours, as paths from the node's directory on.
    private(set) var foreign: [String]
    /// The catalogue was missing, damaged, or not what lies in the directory.
    private(set) var isCatalogueStale: Bool

    init(_ directory: String, fileSystem: any FileSystem) throws(FileError) {
        tree = try ArchiveTree(directory, fileSystem: fileSystem)
        foreign = tree.foreign
        let catalogue = Catalogue.load(directory, fileSystem: fileSystem)
        let superseded = Replacement.superseded(in: directory, fileSystem: fileSystem)
        let entries = tree.entries.filter { $0.role == .sealed && !superseded.contains($0.relativePath) }
        isCatalogueStale = catalogue == nil ? !entries.isEmpty : catalogue?.count != entries.count
        for entry in entries {
            let size = try fileSystem.facts(of: "\(directory)/\(entry.relativePath)")?.size
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
    }
}
