@testable import TapioRings
import Testing

@Suite("ReaderPlan")
struct ReaderPlanTests {
    private func plan(
        _ machine: RecordedMachine,
        _ policy: ReaderPolicy,
        affinity: [Int]? = nil
    ) throws -> [ReaderPlan.Reader] {
        try ReaderPlan(machine.topology(affinity: affinity), policy: policy).readers
    }

    private static let machines: [RecordedMachine] = [
        .small, .twoSockets, .eightNodes, .hybrid, .bigLittle,
        RecordedMachine(possible: "0-7", online: "0-2,4-5,7").nodes([0: "0-3", 1: "4-5,7", 2: ""]),
    ]

    @Test("every ring has one reader, which may run where it is put, whatever is asked for", arguments: 0..<6)
    func invariants(index: Int) throws {
        let machine = Self.machines[index]
        let online = try machine.topology().online
        let policies = [.auto, .perCPU] + (1...online.count).map { ReaderPolicy.count($0) }
        let affinities = [
            nil, [online[0]], [online[online.count - 1]], online.enumerated().compactMap { $0 % 2 == 0 ? $1 : nil },
        ]
        for affinity in affinities {
            let topology = try machine.topology(affinity: affinity)
            for policy in policies {
                let readers = try ReaderPlan(topology, policy: policy).readers
                #expect(readers.flatMap(\.drains).sorted() == online)
                #expect(readers.allSatisfy { !$0.drains.isEmpty && !$0.runsOn.isEmpty })
                #expect(readers.allSatisfy { Set($0.runsOn).isSubset(of: topology.allowed) })
                #expect(Set(readers.map(\.name)).count == readers.count)
                #expect(readers.allSatisfy { (1...PinnedThread.longestName).contains($0.name.utf8.count) })
                switch policy {
                case .auto: break
                case .perCPU: #expect(readers.count == online.count)
                case .count(let count): #expect(readers.count == count)
                }
                for reader in readers {
                    guard let node = reader.node else { continue }
                    #expect((reader.drains + reader.runsOn).allSatisfy { topology.node(of: $0) == node })
                }
            }
        }
    }

    @Test("auto: one reader for each node")
    func auto() throws {
        #expect(
            try plan(.small, .auto) == [.init(name: "reader-0", drains: [0, 1], runsOn: [0, 1], node: 0)]
        )
        let two = try plan(.twoSockets, .auto)
        #expect(two.map(\.node) == [0, 1])
        #expect(two[1].drains == [4, 5, 6, 7, 12, 13, 14, 15])
        #expect(two[1].runsOn == two[1].drains)
        #expect(try plan(.eightNodes, .auto).map(\.node) == Array(0..<8))
    }

    @Test("auto: a node where the process may not run has no reader, and its rings have another's")
    func autoWithinCPUSet() throws {
        let readers = try plan(.twoSockets, .auto, affinity: [5, 6])
        #expect(readers == [.init(name: "reader-0", drains: Array(0..<16), runsOn: [5, 6], node: nil)])
        let some = try plan(.eightNodes, .auto, affinity: [0, 9])
        #expect(some.count == 2)
        #expect(some.map(\.runsOn) == [[0], [9]])
        #expect(some.map(\.drains.count) == [16, 16])
    }

    @Test("auto: without NUMA, and with a node that is only memory, there is one reader")
    func autoOneNode() throws {
        let without = RecordedMachine(possible: "0-3", online: "0-3")
        #expect(
            try plan(without, .auto) == [
                .init(name: "reader-0", drains: [0, 1, 2, 3], runsOn: [0, 1, 2, 3], node: nil)
            ]
        )
        #expect(try plan(without.nodes([0: "0-3", 1: ""]), .auto).map(\.node) == [0])
    }

    @Test("per CPU: each reads its own, and runs there if it may, else near it")
    func perCPU() throws {
        let readers = try plan(.twoSockets, .perCPU, affinity: [0, 4, 5])
        #expect(readers.map(\.drains) == (0..<16).map { [$0] })
        #expect(readers[0].runsOn == [0])
        #expect(readers[4].runsOn == [4])
        #expect(readers[12].runsOn == [4, 5])
        #expect(readers[12].node == 1)
        #expect(try plan(.small, .perCPU, affinity: [1]).map(\.runsOn) == [[1], [1]])
    }

    @Test("a number: shares are even, and no more than needed lie on two nodes")
    func numbers() throws {
        #expect(try plan(.twoSockets, .count(1)).map(\.node) == [nil])
        #expect(try plan(.twoSockets, .count(2)).map(\.node) == [0, 1])
        let three = try plan(.twoSockets, .count(3))
        #expect(three.allSatisfy { $0.node != nil })
        #expect(three.map(\.drains.count).sorted() == [4, 4, 8])
        let four = try plan(.twoSockets, .count(4))
        // Threads of one core stay together.
        #expect(four.map(\.drains) == [[0, 1, 8, 9], [2, 3, 10, 11], [4, 5, 12, 13], [6, 7, 14, 15]])
        let three8 = try plan(.eightNodes, .count(3))
        #expect(three8.map(\.drains.count).sorted() == [8, 12, 12])
        #expect(try plan(.small, .count(2)).map(\.runsOn) == [[0], [1]])
    }

    @Test("slow cores are read like any, but readers run on fast ones where they can")
    func hybrid() throws {
        let one = try plan(.hybrid, .auto)
        #expect(one.map(\.drains) == [Array(0..<8)])
        #expect(one.map(\.runsOn) == [[0, 1, 2, 3]])
        #expect(try plan(.bigLittle, .auto).map(\.runsOn) == [[4, 5]])
        #expect(try plan(.hybrid, .auto, affinity: [5, 6]).map(\.runsOn) == [[5, 6]])
        #expect(try plan(.hybrid, .perCPU).map(\.runsOn) == (0..<8).map { [$0] })
    }

    @Test("a number that is not possible is refused, with the range", arguments: [-1, 0, 3, Int.max])
    func impossible(count: Int) throws {
        let topology = try RecordedMachine.small.topology()
        #expect(throws: ReaderPlanError(asked: count, online: 2)) {
            try ReaderPlan(topology, policy: .count(count))
        }
        #expect("\(ReaderPlanError(asked: count, online: 2))".contains("1 to 2"))
    }
}
