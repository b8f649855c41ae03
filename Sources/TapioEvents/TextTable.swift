/// Texts by number, of which the first numbers stand for why there is none. To copy it costs little, and to change a text in a
/// copy, too: the texts lie in chunks that copies share.
public struct TextTable: Sendable {
    /// Nobody asks for a text here.
    public static let none: UInt16 = 0
    /// Not known yet.
    public static let late: UInt16 = 1
    /// There is none to know.
    public static let absent: UInt16 = 2
    /// There was one, and its time was over.
    public static let expired: UInt16 = 3
    /// Nobody finds out.
    public static let disabled: UInt16 = 4
    /// The first number of a text.
    public static let firstText: UInt16 = 5

    private static let statuses = ["", "late", "absent", "expired", "disabled"].map { Array($0.utf8) }
    private static let hit = Array("hit".utf8)
    private static let chunkTexts = 256

    private var chunks: [[[UInt8]]] = []

    /// No texts.
    public init() {}

    /// The text with this number; empty where there is none.
    public subscript(number: UInt16) -> [UInt8] {
        let (chunk, place) = Int(number).quotientAndRemainder(dividingBy: Self.chunkTexts)
        return chunk < chunks.count ? chunks[chunk][place] : []
    }

    /// Whether the text was known, in a word; empty where nobody asked.
    public func status(_ number: UInt16) -> [UInt8] {
        number < Self.firstText ? Self.statuses[Int(number)] : Self.hit
    }

    /// Sets the text with a number.
    ///
    /// - Precondition: the number is one of a text.
    public mutating func set(_ number: UInt16, _ text: [UInt8]) {
        precondition(number >= Self.firstText)
        let (chunk, place) = Int(number).quotientAndRemainder(dividingBy: Self.chunkTexts)
        while chunks.count <= chunk { chunks.append([[UInt8]](repeating: [], count: Self.chunkTexts)) }
        chunks[chunk][place] = text
    }
}
