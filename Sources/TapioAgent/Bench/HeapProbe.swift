import Glibc
import TapioBPF
import TapioKernel

/// Counts the allocations of this process by means of the programs of `heap.bpf.c`, each at the entry of a function of the
/// C library. Each allocation costs about a microsecond more meanwhile.
struct HeapProbe {
    private let object: BPFObject

    /// The functions that are watched. All others of the library, and Swift's runtime, call one of these.
    static let functions = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"]

    /// Attaches to all of them.
    init(plane: KernelPlane) throws {
        let library = try Self.library(in: try Self.ownMappings())
        object = try BPFObject("heap", plane: plane)
        try object.setConstant("watched_pid", UInt32(getpid()))
        try object.load()
        try object.setElement(Int(TAPIO_HEAP_OTHERS), ofMap: "heap_threads", to: tapio_heap_thread())
        for function in Self.functions {
            try object.attach("count_\(function)", toFunction: function, of: library, pid: getpid())
        }
    }

    /// Counts no more.
    func detach() { object.detach() }

    /// What threads allocated since the probe was attached, by thread id. Those that found no place in the map are added up
    /// under 0.
    func threads() throws(KernelError) -> [UInt32: HeapCounts] {
        var result: [UInt32: HeapCounts] = [:]
        let elements = try object.elements(ofHash: "heap_threads", empty: (UInt32(0), tapio_heap_thread()))
        for (tid, thread) in elements { result[tid] = HeapCounts(thread) }
        return result
    }

    /// The file of this process's mappings. The kernel gives a page or so with each read, so it takes several.
    private static func ownMappings() throws(GeneratorError) -> String {
        let file = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw GeneratorError("cannot read /proc/self/maps", errno: errno) }
        defer { close(file) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while text.count < mostMappings {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw GeneratorError("cannot read /proc/self/maps", errno: errno) }
            if count == 0 { break }
            text += piece[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Bytes of that file at most: some ten thousand mappings.
    private static let mostMappings = 4 << 20

    /// The C library among a process's mappings: the file that is mapped and whose name says so.
    static func library(in maps: String) throws(GeneratorError) -> String {
        for line in maps.split(separator: "\n") {
            guard let slash = line.firstIndex(of: "/") else { continue }
            let path = String(line[slash...])
            let name = path.split(separator: "/").last ?? ""
            if name == "libc.so.6" || (name.hasPrefix("libc-") && name.hasSuffix(".so")) { return path }
        }
        throw GeneratorError("this program maps no libc.so.6: allocations of a static build cannot be counted")
    }
}

/// Calls of a thread.
struct HeapCounts: Sendable, Hashable {
    var name = ""
    var malloc: UInt64 = 0
    var calloc: UInt64 = 0
    var realloc: UInt64 = 0
    var aligned: UInt64 = 0

    init() {}

    init(_ thread: tapio_heap_thread) {
        var thread = thread
        name = unsafe withUnsafeBytes(of: &thread.comm) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        malloc = thread.calls.0
        calloc = thread.calls.1
        realloc = thread.calls.2
        aligned = thread.calls.3
    }

    func since(_ earlier: HeapCounts) -> HeapCounts {
        var delta = self
        delta.malloc &-= earlier.malloc
        delta.calloc &-= earlier.calloc
        delta.realloc &-= earlier.realloc
        delta.aligned &-= earlier.aligned
        return delta
    }
}
