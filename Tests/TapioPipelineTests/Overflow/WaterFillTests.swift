import Testing

@testable import TapioPipeline

@Suite struct WaterFillTests {
    @Test("what is enough leaves nobody short")
    func enough() {
        #expect(WaterFill.level(60, among: [10, 20, 30]) == .infinity)
        #expect(WaterFill.level(0, among: []) == .infinity)
        #expect(WaterFill.level(5, among: [0, 0]) == .infinity)
    }

    @Test("what is not enough is level for those who want more than it")
    func short() {
        #expect(WaterFill.level(50, among: [100, 10, 100]) == 20)
        #expect(WaterFill.level(30, among: [100, 100, 100]) == 10)
        #expect(WaterFill.level(0, among: [1, 0]) == 0)
        #expect(WaterFill.level(-5, among: [1]) == 0)
    }
}
