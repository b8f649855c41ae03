import TapioKernel

/// A collector whose whole work is a BPF object and the variables of its programs that options stand for: what most of them
/// need to be. What is particular to one is in its ``Definition``.
actor ObjectCollector: Collector {
    /// What makes it the collector of one subject.
    struct Definition: Sendable {
        /// The collector's name, and its object's.
        let name: String
        /// Sets constants and takes programs out, before the load.
        var prepare: @Sendable (BPFObject, TracepointCatalog) throws(KernelError) -> Void = { (_, _) in }
        /// Sets the variables that options stand for: before the load, and while the programs run.
        let apply: @Sendable (BPFObject, CollectorOptions) throws(KernelError) -> Void
        /// Called once all is attached. An error does not stop the collector: it becomes one of its problems.
        var begin: @Sendable (BPFObject) throws(KernelError) -> Void = { _ in }
    }

    private let definition: Definition
    private let plane: KernelPlane
    private var options: CollectorOptions
    private var attached: AttachedObject?
    private var beginProblem: String?

    /// A collector that does nothing until it is started.
    init(_ definition: Definition, plane: KernelPlane, options: CollectorOptions) {
        self.definition = definition
        self.plane = plane
        self.options = options
    }

    func start() throws(CollectorError) {
        let (definition, options) = (definition, options)
        let fresh = try AttachedObject(definition.name, plane: plane) { (object, catalog) throws(KernelError) in
            try definition.prepare(object, catalog)
            try definition.apply(object, options)
        }
        beginProblem = nil
        do throws(KernelError) {
            try definition.begin(fresh.object)
        } catch {
            beginProblem = error.description
        }
        attached = fresh
    }

    func stop() {
        attached?.object.detach()
        attached = nil
    }

    func reconfigure(_ options: CollectorOptions) throws(CollectorError) {
        self.options = options
        guard let attached else { return }
        do throws(KernelError) {
            try definition.apply(attached.object, options)
        } catch {
            throw CollectorError(collector: definition.name, error)
        }
    }

    func health() throws(CollectorError) -> CollectorHealth {
        guard let attached else { throw CollectorError(collector: definition.name, reason: "it is not attached") }
        var health = attached.health()
        if let beginProblem { health.problems.append(beginProblem) }
        return health
    }
}
