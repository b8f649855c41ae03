import TapioBPF
import TapioCollectors
import TapioEvents
import Testing

@testable import TapioPipeline

@Suite("Which kinds are aggregated") struct AggregationSwitchTests {
    private let fork = EventKind(Int(TAPIO_KIND_PROCESS_FORK))
    private let existing = EventKind(Int(TAPIO_KIND_PROCESS_EXISTING))

    @Test(
        "policy and overload decide together",
        arguments: AggregationPolicy.allCases,
        [false, true]
    )
    func joined(policy: AggregationPolicy, isOverloaded: Bool) {
        let both = AggregationSwitch(CollectorRegistry.schemas)
        #expect(!both.isOn(fork))
        let before = both.changeCount
        // In either order.
        if isOverloaded { both.setOverloaded(true, fork) }
        both.set(policy, for: fork)
        both.setOverloaded(isOverloaded, fork)
        let expected = policy == .always || policy == .overload && isOverloaded
        #expect(both.isOn(fork) == expected)
        #expect(both.changeCount != before)
        both.setOverloaded(false, fork)
        #expect(both.isOn(fork) == (policy == .always))
        #expect(!both.isOn(EventKind(Int(TAPIO_KIND_PROCESS_EXIT))))
    }

    @Test("kinds that don't say how they are grouped never are aggregated, nor is the ledger")
    func undeclared() {
        let both = AggregationSwitch(CollectorRegistry.schemas)
        for kind in [existing, .ledger, EventKind(rawValue: 200)] {
            both.set(.always, for: kind)
            both.setOverloaded(true, kind)
            #expect(!both.isOn(kind))
        }
    }
}
