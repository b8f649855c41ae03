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
        var apply: @Sendable (BPFObject, CollectorOptions) throws(KernelError) -> Void = { (_, _) in }
        /// Sets what can't be changed any more once the object is loaded, such as the capacities of maps.
        var reserve: @Sendable (BPFObject, CollectorOptions) throws(KernelError) -> Void = { (_, _) in }
        /// The options of which that is made: another value of one of them starts the collector again.
        var reserving: [CollectorOption] = []
        /// Attaches programs whose sections don't say where. An error is one of the whole collector.
        var attach: @Sendable (BPFObject) throws(KernelError) -> Void = { _ in }
        /// Called once all is attached. An error does not stop the collector: it becomes one of its problems.
        var begin: @Sendable (BPFObject) throws(KernelError) -> Void = { _ in }
        /// Names of the windows in which its programs merge events; ``CollectorOption/window`` says how long one lasts.
        var windows: [String] = []
        /// Makes what is done each time that a window ends.
        var makePoller: (@Sendable (CollectorOptions) -> any CollectorPoller)?
        /// How often that is, ns; nil: as long as a window lasts.
        var pollIntervalNs: Int?
    }

    private let definition: Definition
    private let plane: KernelPlane
    private var options: CollectorOptions
    private var attached: AttachedObject?
    private var beginProblem: String?
    private var windows: [KernelWindow] = []
    private var windowProblem: String?
    private var poller: (any CollectorPoller)?
    private var clock: Task<Void, Never>?

    /// A collector that does nothing until it is started.
    init(_ definition: Definition, plane: KernelPlane, options: CollectorOptions) {
        self.definition = definition
        self.plane = plane
        self.options = options
    }

    func start() throws(CollectorError) {
        let (definition, options) = (definition, options)
        let fresh = try AttachedObject(
            definition.name,
            plane: plane,
            configure: { (object, catalog) throws(KernelError) in
                try definition.prepare(object, catalog)
                try definition.reserve(object, options)
                try definition.apply(object, options)
            },
            attachMore: definition.attach
        )
        beginProblem = nil
        do throws(KernelError) {
            try definition.begin(fresh.object)
        } catch {
            beginProblem = error.description
        }
        do throws(KernelError) {
            windows = []
            for name in definition.windows { windows.append(try KernelWindow(name, of: fresh.object)) }
        } catch {
            fresh.object.detach()
            throw CollectorError(collector: definition.name, error)
        }
        attached = fresh
        startPoller(fresh.object)
        if !windows.isEmpty || poller != nil { startClock() }
    }

    func stop() {
        clock?.cancel()
        clock = nil
        attached?.object.detach()
        do throws(KernelError) {
            for window in windows { try window.end() }
        } catch {
            windowProblem = error.description
        }
        windows = []
        poller = nil
        attached = nil
    }

    private var intervalNs: Int { definition.pollIntervalNs ?? options[.window] }

    private func startPoller(_ object: BPFObject) {
        poller = definition.makePoller?(options)
        poll(object)
    }

    private func poll(_ object: BPFObject) {
        windowProblem = nil
        do throws(KernelError) {
            try poller?.poll(object)
        } catch {
            windowProblem = error.description
        }
    }

    /// Ends windows from time to time. It holds the collector only while one ends, and the length is looked at anew each time.
    private func startClock() {
        clock = Task { [weak self] in
            while !Task.isCancelled, let length = await self?.intervalNs {
                do {
                    try await Task.sleep(nanoseconds: UInt64(length))
                } catch {
                    return
                }
                await self?.endWindows()
            }
        }
    }

    private func endWindows() {
        guard let attached else { return }
        poll(attached.object)
        for index in windows.indices {
            do throws(KernelError) {
                if try !windows[index].turn() {
                    windowProblem = "the rings were full when a window ended: its summaries come with the next"
                }
            } catch {
                windowProblem = error.description
            }
        }
    }

    func reconfigure(_ options: CollectorOptions) throws(CollectorError) {
        let isLoadedAnew = definition.reserving.contains { self.options[$0] != options[$0] }
        self.options = options
        guard let attached else { return }
        if isLoadedAnew {
            stop()
            try start()
            return
        }
        do throws(KernelError) {
            try definition.apply(attached.object, options)
            poller?.reconfigure(options)
            try poller?.poll(attached.object)
        } catch {
            throw CollectorError(collector: definition.name, error)
        }
    }

    func health() throws(CollectorError) -> CollectorHealth {
        guard let attached else { throw CollectorError(collector: definition.name, reason: "it is not attached") }
        var health = attached.health()
        health.problems += [beginProblem, windowProblem].compactMap(\.self) + (poller?.problems ?? [])
        health.notes += poller?.notes ?? []
        return health
    }
}
