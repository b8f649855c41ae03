import TapioCollectors
import TapioEvents
import Testing

@Suite("Collector options and registry")
struct CollectorRegistryTests {
    @Test("values are brought into range, and defaults stand in")
    func options() {
        var options = CollectorOptions()
        #expect(options[ProcessCollector.argsBytes] == 4096)
        options[ProcessCollector.argsBytes] = 99_999
        #expect(options[ProcessCollector.argsBytes] == 4096)
        options[ProcessCollector.argsBytes] = -1
        #expect(options[ProcessCollector.argsBytes] == 0)
    }

    @Test("a choice is one of its words, whatever it was set to")
    func choice() {
        var options = CollectorOptions()
        #expect(options.word(FlowCollector.mode) == "auto" && options.word(ProcessCollector.argsBytes) == "")
        options[FlowCollector.mode] = 2
        #expect(options.word(FlowCollector.mode) == "generic")
        options[FlowCollector.mode] = 99
        #expect(options.word(FlowCollector.mode) == "offload")
    }

    @Test("each collector's kinds are in the one table")
    func schemas() {
        for descriptor in CollectorRegistry.all {
            #expect(CollectorRegistry.descriptor(named: descriptor.name)?.name == descriptor.name)
            for schema in descriptor.schemas {
                #expect(CollectorRegistry.schemas.schema(named: schema.name) == schema)
                #expect(schema.collector == descriptor.name)
            }
        }
    }
}
