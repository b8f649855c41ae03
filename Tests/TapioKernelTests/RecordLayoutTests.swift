import Glibc
import TapioBPF
import Testing

@Suite("Record layout")
struct RecordLayoutTests {
    @Test("Swift sees the sizes that the kernel programs write")
    func sizes() {
        #expect(MemoryLayout<tapio_header>.size == 64)
        #expect(MemoryLayout<tapio_process_exec>.size == 120)
        #expect(MemoryLayout<tapio_process_fork>.size == 80)
        #expect(MemoryLayout<tapio_process_exit>.size == 112)
        #expect(MemoryLayout<tapio_tcp>.size == 168)
        #expect(MemoryLayout<tapio_oom_kill>.size == 160)
        #expect(MemoryLayout<tapio_memory_reclaim>.size == 88)
        #expect(MemoryLayout<tapio_major_fault>.size == 72)
        #expect(MemoryLayout<tapio_memory_usage>.size == 104)
        #expect(MemoryLayout<tapio_memory_pressure>.size == 104)
        #expect(MemoryLayout<tapio_heap_outstanding>.size == 152)
        #expect(MemoryLayout<tapio_leak_process>.size == 64)
        #expect(MemoryLayout<tapio_leak_stack>.size == 520)
        #expect(MemoryLayout<tapio_udp>.size == 128)
        #expect(MemoryLayout<tapio_flow>.size == 144)
        #expect(MemoryLayout<tapio_signal>.size == 120)
        #expect(MemoryLayout<tapio_cgroup>.size == 136)
        #expect(MemoryLayout<tapio_signal_death>.size == 144)
        #expect(MemoryLayout<tapio_k8s_pod>.size == 136)
        #expect(MemoryLayout<tapio_k8s_container>.size == 176)
        #expect(MemoryLayout<tapio_k8s_node>.size == 104)
        #expect(MemoryLayout<tapio_k8s_event>.size == 144)
        #expect(MemoryLayout<tapio_summary>.size == 48)
        #expect(MemoryLayout<tapio_ledger>.size == 216)
        #expect(MemoryLayout<tapio_cpu_state>.size == 8 * (2 + 256 * 8))
        #expect(MemoryLayout<tapio_control>.size == 4 * (256 + 256 + 512 + 2))
    }

    @Test("the header's fields are where they have always been")
    func header() {
        #expect(MemoryLayout<tapio_header>.offset(of: \.time_ns) == 0)
        #expect(MemoryLayout<tapio_header>.offset(of: \.sequence) == 8)
        #expect(MemoryLayout<tapio_header>.offset(of: \.cgroup_id) == 16)
        #expect(MemoryLayout<tapio_header>.offset(of: \.pid) == 24)
        #expect(MemoryLayout<tapio_header>.offset(of: \.tid) == 28)
        #expect(MemoryLayout<tapio_header>.offset(of: \.ppid) == 32)
        #expect(MemoryLayout<tapio_header>.offset(of: \.uid) == 36)
        #expect(MemoryLayout<tapio_header>.offset(of: \.keep) == 40)
        #expect(MemoryLayout<tapio_header>.offset(of: \.cpu) == 44)
        #expect(MemoryLayout<tapio_header>.offset(of: \.kind) == 46)
        #expect(MemoryLayout<tapio_header>.offset(of: \.priority) == 47)
        #expect(MemoryLayout<tapio_header>.offset(of: \.comm) == 48)
        #expect(MemoryLayout<tapio_process_exec>.offset(of: \.exe) == 88)
        #expect(MemoryLayout<tapio_process_exec>.offset(of: \.args) == 96)
        #expect(MemoryLayout<tapio_process_exit>.offset(of: \.exit_code) == 80)
        #expect(MemoryLayout<tapio_tcp>.offset(of: \.socket_cookie) == 112)
        #expect(MemoryLayout<tapio_summary>.offset(of: \.last_ns) == 8)
        #expect(MemoryLayout<tapio_summary>.offset(of: \.keep) == 40)
        #expect(MemoryLayout<tapio_summary>.offset(of: \.histogram) == 44)
    }

    @Test("no program but the one emit path calls the ring helpers")
    func oneEmitPath() throws {
        let bpf = PackageFiles.packageRoot + "/bpf"
        let files = ["", "/kernel", "/include"].flatMap { folder in
            PackageFiles.entries(bpf + folder).filter { $0.hasSuffix(".c") || $0.hasSuffix(".h") }.map {
                bpf + folder + "/" + $0
            }
        }
        #expect(files.count >= 6)
        for file in files where !file.hasSuffix("/kernel/emit.h") {
            #expect(!PackageFiles.contents(file).contains("bpf_ringbuf_"), "\(file) has an emit path of its own")
        }
        #expect(PackageFiles.contents(bpf + "/kernel/emit.h").contains("bpf_ringbuf_"))
    }
}

/// Files of the package, found from this file's own path.
private enum PackageFiles {
    static var packageRoot: String {
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    }

    static func entries(_ folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
        return names
    }

    static func contents(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
