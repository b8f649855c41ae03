/// A number with at most nine decimals at the head of a text, kept exact: 0.1 of a unit is never a rounded binary fraction.
struct DecimalNumber {
    /// The number times 10^decimals.
    let scaled: UInt64
    /// 10^decimals.
    let scale: UInt64
    /// What follows the number, without blanks between.
    let rest: Substring

    /// `nil` where the text does not begin with digits, or the number is too long to be meant.
    init?(prefixOf text: Substring) {
        var scaled: UInt64 = 0
        var scale: UInt64 = 1
        var digits = 0
        var decimals: Int?
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            if let digit = character.isASCII ? character.wholeNumberValue : nil {
                let (tens, overflow) = scaled.multipliedReportingOverflow(by: 10)
                let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
                guard !overflow, !carry else { return nil }
                scaled = sum
                digits += 1
                if let count = decimals {
                    guard count < 9 else { return nil }
                    decimals = count + 1
                    scale *= 10
                }
            } else if character == ".", decimals == nil, digits > 0 {
                decimals = 0
            } else {
                break
            }
            index = text.index(after: index)
        }
        guard digits > 0, decimals != 0 else { return nil }
        self.scaled = scaled
        self.scale = scale
        self.rest = text[index...].drop { $0 == " " }
    }

    /// The number times `unit`, or `nil` where that is no whole number or too large.
    func multiplied(by unit: UInt64) -> UInt64? {
        let (product, overflow) = scaled.multipliedReportingOverflow(by: unit)
        guard !overflow, product % scale == 0 else { return nil }
        return product / scale
    }
}
