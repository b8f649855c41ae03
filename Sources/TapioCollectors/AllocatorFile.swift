import Glibc
import TapioKernel

/// A file with functions that allocate: a C library, another allocator, or a program that has one in it.
struct AllocatorFile {
    /// What libraries are called that may have such functions: glibc, musl, and what often stands in for them.
    private static let names = [
        "libc.so", "libc-2.", "ld-musl-", "libc.musl-", "libjemalloc", "libtcmalloc", "libmimalloc",
    ]

    /// The functions, with the program of `leak.bpf.c` that runs at their entry. Others of the libraries call one of these.
    private static let functions = [
        "free": "enter_free", "free_sized": "enter_free", "free_aligned_sized": "enter_free", "cfree": "enter_free",
        "malloc": "enter_malloc", "valloc": "enter_malloc", "pvalloc": "enter_malloc", "calloc": "enter_calloc",
        "realloc": "enter_realloc", "reallocarray": "enter_reallocarray", "posix_memalign": "enter_posix_memalign",
        "aligned_alloc": "enter_aligned", "memalign": "enter_aligned",
    ]

    let file: ForeignFile
    /// For messages.
    let name: String
    /// In the order in which they are to be attached.
    let probes: [FunctionProbe]

    /// Looks for the functions. Throws where the file is not an ELF file, or has no allocator in it.
    init(_ file: ForeignFile, named name: String) throws(KernelError) {
        let image: ELFImage
        do throws(ELFImage.Fault) {
            image = try ELFImage(file)
        } catch {
            throw Self.refusal(name, "\(error)")
        }
        let places = Self.places(image, file)
        guard places["malloc"] != nil, places["free"] != nil else {
            throw Self.refusal(name, "it has no functions malloc and free")
        }
        self.file = file
        self.name = name
        probes = Self.probes(places)
    }

    private static func refusal(_ name: String, _ reason: String) -> KernelError {
        KernelError(
            code: 0,
            action: "watch",
            subject: "allocations of \(name): \(reason)",
            remedy: "name a C library or another allocator in collectors.leak.libraries, or none"
        )
    }

    /// The functions that there are, by their place in the file.
    private static func places(_ image: ELFImage, _ file: ForeignFile) -> [String: UInt64] {
        let wanted = Dictionary(uniqueKeysWithValues: functions.keys.map { (Array($0.utf8), $0) })
        var places: [String: UInt64] = [:]
        for isDynamic in [true, false] where places["malloc"] == nil || places["free"] == nil {
            image.forEachFunction(file, isDynamic: isDynamic) { symbol in
                guard symbol.isDirect, let place = image.byte(ofAddress: symbol.address),
                    let function = wanted[image.name(at: symbol.name, file)]
                else { return }
                places[function] = places[function] ?? place
            }
        }
        return places
    }

    /// What frees is first, and what only begins is last: so that nothing is kept whose end would not be seen. Functions
    /// that are the same one by several names are attached once.
    private static func probes(_ places: [String: UInt64]) -> [FunctionProbe] {
        var entries: [UInt64: String] = [:]
        for (function, place) in places { entries[place] = functions[function] }
        let sorted = entries.sorted { $0.key < $1.key }
        let allocating = sorted.filter { $0.value != "enter_free" }
        return sorted.filter { $0.value == "enter_free" }.map { FunctionProbe($0.value, offset: $0.key) }
            + allocating.map { FunctionProbe("leave", offset: $0.key, isAtReturn: true) }
            + allocating.map { FunctionProbe($0.value, offset: $0.key) }
    }

    /// The files of a process that allocate: libraries that it has mapped, or the program itself where it has none. Empty
    /// where it has neither, or not yet.
    static func files(of pid: Int32) -> [AllocatorFile] {
        guard let mappings = ProcessMappings(pid: pid) else { return [] }
        var seen: Set<[UInt8]> = []
        var found: [AllocatorFile] = []
        for mapping in mappings.mappings where seen.insert(mapping.path).inserted {
            let name = String(decoding: mapping.name, as: UTF8.self)
            guard names.contains(where: name.hasPrefix), let file = ProcessMappings.open(mapping, of: pid),
                let allocator = try? AllocatorFile(file, named: name)
            else { continue }
            found.append(allocator)
        }
        if found.isEmpty, let file = try? ForeignFile("/proc/\(pid)/exe"),
            let allocator = try? AllocatorFile(file, named: "the program of process \(pid)")
        {
            found.append(allocator)
        }
        return found
    }
}
