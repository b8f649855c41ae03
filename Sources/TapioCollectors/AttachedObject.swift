import TapioKernel

/// The part that all collectors share: a BPF object from opening to detaching, with what it has to do without.
final class AttachedObject {
    let object: BPFObject
    let problems: [String]

    /// Opens, configures, loads and attaches the object of that name. Programs whose tracepoint is missing are left out
    /// and become problems; it is an error if none is left.
    ///
    /// - Parameters:
    ///   - configure: Sets constants and variables before the load.
    ///   - attachMore: Attaches what no section says where.
    init(
        _ name: String,
        plane: KernelPlane,
        configure: (BPFObject, TracepointCatalog) throws(KernelError) -> Void = { (_, _) throws(KernelError) in },
        attachMore: (BPFObject) throws(KernelError) -> Void = { (_) throws(KernelError) in }
    ) throws(CollectorError) {
        do throws(KernelError) {
            (object, problems) = try Self.attach(name, plane: plane, configure: configure, attachMore: attachMore)
        } catch {
            throw CollectorError(collector: name, error)
        }
    }

    private static func attach(
        _ name: String,
        plane: KernelPlane,
        configure: (BPFObject, TracepointCatalog) throws(KernelError) -> Void,
        attachMore: (BPFObject) throws(KernelError) -> Void
    ) throws(KernelError) -> (BPFObject, [String]) {
        let catalog = try TracepointCatalog.shared()
        let object = try BPFObject(name, plane: plane, types: KernelTypes.shared(of: catalog))
        let missing = try object.disableUnavailablePrograms(catalog)
        try configure(object, catalog)
        try object.load()
        let failures = object.attach()
        try attachMore(object)
        if object.attached.isEmpty, let first = (failures + missing).first { throw first }
        return (object, (missing + failures).map(\.description))
    }

    /// Its programs and problems.
    func health() -> CollectorHealth {
        CollectorHealth(programs: object.statistics(), problems: problems)
    }
}
