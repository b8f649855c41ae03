import CLibBPF
import TapioBPF
import TapioTestSupport
import Testing

@testable import TapioKernel

@Suite("The kernel's types", .serialized, .enabled(if: BPFRequirement.isMet))
struct KernelTypesTests {
    @Test("programs load by the same places whether types were found ahead or not", arguments: ObjectTests.names)
    func relocates(name: String) throws {
        let catalog = try TracepointCatalog.shared()
        let types = try #require(KernelTypes.shared(of: catalog))
        let ahead = try instructions(of: name, catalog, types)
        #expect(ahead.values.allSatisfy { !$0.isEmpty })
        #expect(try ahead == instructions(of: name, catalog, nil))
    }

    @Test("who loads at the same time shares them, and they go with the last")
    func shared() throws {
        let catalog = try TracepointCatalog.shared()
        weak var first: KernelTypes?
        do {
            let types = try #require(KernelTypes.shared(of: catalog))
            first = types
            #expect(KernelTypes.shared(of: catalog) === types)
        }
        #expect(first == nil)
    }

    /// The instructions of each program as the kernel was given them, without the numbers of this object's own maps.
    private func instructions(
        of name: String,
        _ catalog: TracepointCatalog,
        _ types: KernelTypes?
    ) throws -> [String: [UInt64]] {
        let plane = try KernelPlane(configuration: .small)
        let object = try BPFObject(name, plane: plane, types: types)
        _ = try object.disableUnavailablePrograms(catalog)
        try object.load()
        var instructions: [String: [UInt64]] = [:]
        for program in object.programs where !object.disabled.contains(program.name) {
            let handle = try object.handle(program.name)
            let raw = UnsafeRawBufferPointer(
                start: bpf_program__insns(handle),
                count: bpf_program__insn_cnt(handle) * 8
            )
            var words = Array(raw.bindMemory(to: UInt64.self))
            for index in words.indices.dropLast() where words[index] & 0xff == Self.loadOf64Bits {
                words[index] &= 0xffff_ffff
                words[index + 1] = 0
            }
            instructions[program.name] = words
        }
        return instructions
    }

    /// BPF_LD | BPF_DW | BPF_IMM, of which maps are made (include/uapi/linux/bpf.h).
    private static let loadOf64Bits: UInt64 = 0x18
}
