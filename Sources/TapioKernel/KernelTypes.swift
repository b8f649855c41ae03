import CLibBPF
import CTapioLibBPF
import Glibc
import Synchronization
import TapioBPF

/// The kernel's types by which the embedded programs load, found for all of them at once: some 100 KiB of BTF.
///
/// Without it libbpf reads the kernel's whole BTF for each object and looks through it for each type, which takes more
/// CPU time than the verifier does. Types of modules are not among them, and no program loads by one.
public final class KernelTypes: Sendable {
    private let file: Descriptor
    /// Where libbpf finds the file, which has no name.
    let path: String

    /// Nil where they can't be made or read (no memory, no /proc): then libbpf has to search by itself.
    init?(of catalog: TracepointCatalog) {
        var objects: [OpaquePointer?] = unsafe []
        defer { unsafe objects.forEach { unsafe bpf_object__close($0) } }
        for index in 0..<tapio_bpf_object_count() {
            guard let found = unsafe tapio_bpf_object_at(index)?.pointee else { continue }
            // One that can't be opened says so when its collector starts.
            guard let opened = unsafe tapio_bpf_object_open(found.image, found.size, found.name, nil) else { continue }
            unsafe objects.append(opened)
        }
        let number = unsafe tapio_btf_excerpt(catalog.btf, objects, objects.count)
        guard number >= 0 else { return nil }
        file = Descriptor(owning: number)
        path = "/proc/self/fd/\(number)"
        guard unsafe access(path, R_OK) == 0 else { return nil }
    }

    /// Those that somebody has at this time, or new ones: collectors that start together find them once.
    public static func shared(of catalog: TracepointCatalog) -> KernelTypes? {
        current.withLock { current in
            if let types = current.types { return types }
            let types = KernelTypes(of: catalog)
            current.types = types
            return types
        }
    }

    private struct Current {
        weak var types: KernelTypes?
    }
    private static let current = Mutex(Current())
}
