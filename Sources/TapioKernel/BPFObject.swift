import CTapioLibBPF
import Glibc
import TapioBPF

/// One of the embedded BPF objects, from opening to closing. Used by one actor or thread at a time.
///
/// The order is: `init` (open), `setConstant` and `disableProgram`, `load`, `attach`, … `detach`, and the end of the
/// object. Invariant of the unsafe code: `object` and the links are libbpf's, valid until `deinit`; a link goes before
/// its object.
@safe
public final class BPFObject {
    /// The name of the program's file without its ending: "process" for `bpf/process.bpf.c`.
    public let name: String
    /// The programs in the order of the file.
    public let programs: [BPFProgram]
    /// Programs that `disableProgram` took out.
    public private(set) var disabled: Set<String> = []

    private let object: OpaquePointer
    private var links: [String: [OpaquePointer]] = unsafe [:]
    /// Descriptors of links to interfaces, by program and the interface's index.
    var interfaceLinks: [InterfaceLink: Int32] = [:]
    /// Links to functions of files, by who asked for them.
    var functionLinks: [FunctionLinks: [(program: String, link: OpaquePointer)]] = unsafe [:]
    let plane: KernelPlane
    /// Until `load`, which reads it.
    private var types: KernelTypes?

    /// Opens the embedded object and makes it use the shared maps of `plane`.
    ///
    /// - Parameter types: What is known of the kernel's types already; nil: `load` looks for them.
    public convenience init(_ name: String, plane: KernelPlane, types: KernelTypes? = nil) throws(KernelError) {
        guard let found = unsafe tapio_bpf_object_find(name) else {
            throw KernelError(code: ENOENT, action: "find", subject: name, remedy: "this build does not contain it")
        }
        // Static memory of this program.
        let image = unsafe UnsafeRawBufferPointer(start: found.pointee.image, count: found.pointee.size)
        try unsafe self.init(name, image: image, plane: plane, types: types)
    }

    /// Opens any ELF image; libbpf copies what it needs.
    init(
        _ name: String,
        image: UnsafeRawBufferPointer,
        plane: KernelPlane,
        types: KernelTypes? = nil
    ) throws(KernelError) {
        tapio_libbpf_log_begin()
        let opened = unsafe tapio_bpf_object_open(image.baseAddress, image.count, name, types?.path)
        let code = errno
        let log = LibBPFLog.end()
        guard let opened = unsafe opened else {
            throw KernelError(code: code, action: "open", subject: name, log: log)
        }
        self.name = name
        self.plane = plane
        self.types = types
        unsafe object = opened
        unsafe programs = Self.programs(of: opened)
        for map in plane.sharedMaps {
            guard let declared = unsafe bpf_object__find_map_by_name(opened, map.name) else { continue }
            let result = unsafe bpf_map__reuse_fd(declared, map.descriptor)
            guard result == 0 else {
                throw KernelError(code: -result, action: "share map", subject: "\(name)/\(map.name)")
            }
        }
    }

    deinit {
        destroyLinks()
        unsafe bpf_object__close(object)
    }

    /// Gives a `const volatile` global its value; only before `load`. The type must have the variable's size.
    public func setConstant<Value: BitwiseCopyable>(_ variable: String, _ value: Value) throws(KernelError) {
        let result = unsafe withUnsafeBytes(of: value) {
            unsafe tapio_bpf_set_constant(object, variable, $0.baseAddress, $0.count)
        }
        guard result == 0 else {
            throw KernelError(code: -result, action: "set constant", subject: "\(name)/\(variable)")
        }
    }

    /// Gives a `const volatile` array its bytes; only before `load`. There must be as many as it has.
    public func setConstant(_ variable: String, bytes: [UInt8]) throws(KernelError) {
        let result = unsafe bytes.withUnsafeBytes {
            unsafe tapio_bpf_set_constant(object, variable, $0.baseAddress, $0.count)
        }
        guard result == 0 else {
            throw KernelError(code: -result, action: "set constant", subject: "\(name)/\(variable)")
        }
    }

    /// Gives an initialised global variable a value, before or after `load`. The programs must not write variables
    /// themselves: all of the object's are set to what was last set from here.
    public func setVariable<Value: BitwiseCopyable>(_ variable: String, _ value: Value) throws(KernelError) {
        let result = unsafe withUnsafeBytes(of: value) {
            unsafe tapio_bpf_set_variable(object, variable, $0.baseAddress, $0.count)
        }
        guard result == 0 else {
            throw KernelError(code: -result, action: "set variable", subject: "\(name)/\(variable)")
        }
    }

    /// Gives one of the object's own maps another capacity; only before `load`.
    public func setCapacity(ofMap map: String, entries: UInt32) throws(KernelError) {
        let result = unsafe bpf_map__set_max_entries(try find(map: map), entries)
        guard result == 0 else {
            throw KernelError(code: -result, action: "set the capacity of map", subject: "\(name)/\(map)")
        }
    }

    /// Leaves a program out; only before `load`.
    public func disableProgram(_ program: String) throws(KernelError) {
        let result = unsafe bpf_program__set_autoload(try handle(program), false)
        guard result == 0 else {
            throw KernelError(code: -result, action: "leave out program", subject: "\(name)/\(program)")
        }
        disabled.insert(program)
    }

    /// Leaves out every program whose tracepoint this kernel lacks, and says which.
    public func disableUnavailablePrograms(_ catalog: TracepointCatalog) throws(KernelError) -> [KernelError] {
        var missing: [KernelError] = []
        for program in programs where !disabled.contains(program.name) {
            guard let tracepoint = program.tracepoint, !catalog.contains(tracepoint) else { continue }
            try disableProgram(program.name)
            missing.append(
                KernelError(
                    code: ENOENT,
                    action: "attach",
                    subject: "\(name)/\(program.name)",
                    remedy: "this kernel lacks the tracepoint \(tracepoint.name)"
                )
            )
        }
        return missing
    }

    /// Loads maps and programs into the kernel: the verifier runs here.
    public func load() throws(KernelError) {
        tapio_libbpf_log_begin()
        let result = unsafe bpf_object__load(object)
        let log = LibBPFLog.end()
        types = nil
        guard result == 0 else {
            throw KernelError(
                code: -result,
                action: "load",
                subject: name,
                remedy: LibBPFLog.remedy(code: -result, log: log),
                log: log
            )
        }
    }

    /// Attaches every program that was loaded, each where its section says. Goes on after a failure; those that failed
    /// are returned and can be tried again.
    public func attach() -> [KernelError] {
        var failures: [KernelError] = []
        for program in programs
        where unsafe program.attachesBySection && !disabled.contains(program.name) && links[program.name] == nil {
            do throws(KernelError) {
                try attach(program.name)
            } catch {
                failures.append(error)
            }
        }
        return failures
    }

    /// Attaches one program.
    public func attach(_ program: String) throws(KernelError) {
        tapio_libbpf_log_begin()
        let link = unsafe bpf_program__attach(try handle(program))
        let code = errno
        let log = LibBPFLog.end()
        guard let link = unsafe link else {
            throw KernelError(code: code, action: "attach", subject: "\(name)/\(program)", log: log)
        }
        unsafe keep(link, of: program)
    }

    /// Attaches a program (`SEC("uprobe")`) to the entry of a function in another program's file.
    ///
    /// - Parameters:
    ///   - function: A symbol of the file, without its version.
    ///   - path: An ELF file: a program or a library.
    ///   - pid: The process whose calls run the program.
    public func attach(
        _ program: String,
        toFunction function: String,
        of path: String,
        pid: Int32
    ) throws(KernelError) {
        tapio_libbpf_log_begin()
        let link = unsafe tapio_bpf_attach_uprobe(try handle(program), pid, path, function)
        let code = errno
        let log = LibBPFLog.end()
        guard let link = unsafe link else {
            throw KernelError(
                code: code,
                action: "attach \(name)/\(program) to",
                subject: "\(function) of \(path)",
                log: log
            )
        }
        unsafe keep(link, of: program)
    }

    /// Attaches a program (`SEC("cgroup_skb/…")` or `SEC("cgroup/…")`) to a cgroup of version 2, by the path of its directory:
    /// it sees the packets of all sockets in it and below, or their making.
    public func attach(_ program: String, toCgroup path: String) throws(KernelError) {
        let opened = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw KernelError(code: errno, action: "open", subject: "cgroup \(path)") }
        let directory = Descriptor(owning: opened)
        tapio_libbpf_log_begin()
        let link = unsafe bpf_program__attach_cgroup(try handle(program), directory.number)
        let code = errno
        let log = LibBPFLog.end()
        guard let link = unsafe link else {
            throw KernelError(code: code, action: "attach \(name)/\(program) to", subject: "cgroup \(path)", log: log)
        }
        unsafe keep(link, of: program)
    }

    /// Names of the programs that are attached now.
    public var attached: [String] {
        programs.map(\.name).filter(isAttached)
    }

    /// Detaches all programs. When it returns, none of them runs any more: what they submitted is in the rings. Takes
    /// some milliseconds.
    public func detach() {
        guard unsafe !links.isEmpty || !interfaceLinks.isEmpty || !functionLinks.isEmpty else { return }
        destroyLinks()
        _ = tapio_bpf_wait_for_running()
    }

    /// Runs an attached iterator program (`SEC("iter/…")`) over all its elements.
    public func runIterator(_ program: String) throws(KernelError) {
        let subject = "\(name)/\(program)"
        guard let link = unsafe links[program]?.first else {
            throw KernelError(code: ENOENT, action: "run iterator", subject: subject, remedy: "attach it first")
        }
        let opened = unsafe bpf_iter_create(bpf_link__fd(link))
        guard opened >= 0 else { throw KernelError(code: errno, action: "open iterator", subject: subject) }
        let descriptor = Descriptor(owning: opened)
        var bytes: [8 of UInt64] = .init(repeating: 0)
        while true {
            // What the program prints is of no interest; reading drives it, and 0 is the end.
            let count = unsafe withUnsafeMutableBytes(of: &bytes) {
                unsafe read(descriptor.number, $0.baseAddress, $0.count)
            }
            if count == 0 { return }
            if count < 0, errno != EINTR, errno != EAGAIN {
                throw KernelError(code: errno, action: "run iterator", subject: subject)
            }
        }
    }

    /// Descriptor of one of the object's own maps after `load`, valid as long as the object; nil where there is none of
    /// that name.
    public func mapDescriptor(_ map: String) -> Int32? {
        guard let found = unsafe bpf_object__find_map_by_name(object, map) else { return nil }
        let descriptor = unsafe bpf_map__fd(found)
        return descriptor >= 0 ? descriptor : nil
    }

    /// What the kernel knows about each loaded program. Run count and time are 0 unless `kernel.bpf_stats_enabled` is
    /// set.
    public func statistics() -> [ProgramStatistics] {
        programs.compactMap { program in
            guard let handle = unsafe bpf_object__find_program_by_name(object, program.name) else { return nil }
            var stats = tapio_bpf_program_stats()
            let descriptor = unsafe bpf_program__fd(handle)
            guard descriptor >= 0, unsafe tapio_bpf_program_read_stats(descriptor, &stats) == 0 else { return nil }
            return ProgramStatistics(
                name: program.name,
                isAttached: isAttached(program.name),
                runCount: stats.run_count,
                runTimeNs: stats.run_time_ns,
                recursionMisses: stats.recursion_misses,
                hasStandIn: programs.contains { $0.name == program.name + "_nested" },
                verifiedInstructions: Int(stats.verified_instructions)
            )
        }
    }

    /// Takes a link of a program over, beside those that it has.
    func keep(_ link: OpaquePointer, of program: String) {
        unsafe links[program, default: []].append(link)
    }

    private func isAttached(_ program: String) -> Bool {
        unsafe links[program] != nil || interfaceLinks.keys.contains { $0.program == program }
            || functionLinks.values.contains { unsafe $0.contains { unsafe $0.program == program } }
    }

    private func destroyLinks() {
        unsafe links.values.joined().forEach { unsafe bpf_link__destroy($0) }
        unsafe links = [:]
        interfaceLinks.values.forEach { close($0) }
        interfaceLinks = [:]
        detachAllFunctions()
    }

    func find(map: String) throws(KernelError) -> OpaquePointer {
        guard let found = unsafe bpf_object__find_map_by_name(object, map) else {
            throw KernelError(code: ENOENT, action: "find map", subject: "\(name)/\(map)")
        }
        return unsafe found
    }

    func handle(_ program: String) throws(KernelError) -> OpaquePointer {
        guard let handle = unsafe bpf_object__find_program_by_name(object, program) else {
            throw KernelError(code: ENOENT, action: "find program", subject: "\(name)/\(program)")
        }
        return unsafe handle
    }

    private static func programs(of object: OpaquePointer) -> [BPFProgram] {
        var programs: [BPFProgram] = []
        var program = unsafe bpf_object__next_program(object, nil)
        while let current = unsafe program {
            unsafe programs.append(
                BPFProgram(
                    name: String(cString: bpf_program__name(current)),
                    section: String(cString: bpf_program__section_name(current))
                )
            )
            unsafe program = bpf_object__next_program(object, current)
        }
        return programs
    }
}
