import TapioBPF
import TapioKernel
import TapioTestSupport
import Testing

@Suite("Embedded objects", .serialized, .enabled(if: BPFRequirement.isMet))
struct ObjectTests {
    static let names = (0..<tapio_bpf_object_count()).map { String(cString: tapio_bpf_object_at($0)!.pointee.name) }

    @Test("every embedded object loads and attaches", arguments: names)
    func loads(name: String) throws {
        let plane = try KernelPlane(configuration: .small)
        let object = try BPFObject(name, plane: plane)
        _ = try object.disableUnavailablePrograms(TracepointCatalog())
        do {
            try object.load()
        } catch {
            Issue.record("\(error)\n\(error.log)")
            return
        }
        #expect(object.attach() == [])
        let expected = Set(object.programs.filter(\.attachesBySection).map(\.name)).subtracting(object.disabled)
        #expect(Set(object.attached) == expected)
        for program in object.statistics() {
            print("\(name)/\(program.name): \(program.verifiedInstructions) instructions verified")
            #expect(program.verifiedInstructions > 0)
        }
        object.detach()
        #expect(object.attached == [])
    }
}

extension KernelPlaneConfiguration {
    /// Rings large enough for a test and no larger.
    static var small: Self {
        var configuration = Self()
        configuration.urgentBytes = 1 << 18
        configuration.bulkBytes = 1 << 18
        return configuration
    }
}
