import TapioEvents
import Testing

@Suite("Classes of a measure") struct MeasureClassTests {
    @Test("each class begins where the one before ends, and no class is wider than a quarter of its values")
    func bounds() {
        for number in 0..<MeasureClass.count {
            let low = MeasureClass.lowerBound(number)
            #expect(MeasureClass.number(of: low) == number)
            if number + 1 < MeasureClass.count {
                let next = MeasureClass.lowerBound(number + 1)
                #expect(next > low && MeasureClass.number(of: next - 1) == number)
                if number >= 4 { #expect(next - low <= max(1, low / 4)) }
            }
        }
        #expect(MeasureClass.number(of: .max) == MeasureClass.count - 1)
        #expect(MeasureClass.number(of: 0) == 0)
    }

    @Test("the bounds are those of the documentation's formula")
    func formula() {
        for number in 4..<200 {
            let documented = Double(4 + number % 4) * Double(UInt64(1) << UInt64(number / 4 - 1))
            #expect(Double(MeasureClass.lowerBound(number)) == documented)
        }
    }
}
