import TapioTestSupport
import Testing

@testable import TapioCollectors

@Suite("Preflight")
struct CollectorPreflightTests {
    @Test(
        "capabilities that are missing are named",
        arguments: [
            ("CapEff:\t0000000000000000", ["CAP_BPF", "CAP_PERFMON"]), ("CapEff:\t000001ffffffffff", []),
            ("CapEff:\t0000008000000000", ["CAP_PERFMON"]), ("CapEff:\t000000c000000000", []),
            ("CapEff:\t0000000000200000", []), ("nonsense", ["CAP_BPF", "CAP_PERFMON"]),
        ]
    )
    func capabilities(status: String, missing: [String]) {
        #expect(CollectorPreflight.missingCapabilities(status: "Name:\tx\n\(status)\nCapBnd:\t0\n") == missing)
    }

    @Test("who lacks them is told in one line what to do")
    func line() {
        let line = CollectorPreflight.obstacle(missing: ["CAP_BPF"])
        #expect(line.contains("CAP_BPF") && line.contains("run as root") && !line.contains("\n"))
    }

    @Test("this machine has what the collectors need", .enabled(if: BPFRequirement.isMet))
    func here() {
        #expect(CollectorPreflight.check().obstacles == [])
    }
}
