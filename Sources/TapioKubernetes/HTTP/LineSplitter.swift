/// Cuts a stream into lines of bounded length.
struct LineSplitter {
    enum Line: Equatable {
        /// A line without its newline; may be empty.
        case line([UInt8])
        /// One that was longer than allowed; its bytes are gone. Told when the bound is passed, once for each.
        case tooLong
    }

    /// The most bytes of a line.
    let longest: Int
    /// More room than this is given back once a line has gone.
    private static let mostKeptRoom = 1 << 18
    private var rest: [UInt8] = []
    private var isSkipping = false

    init(longest: Int) {
        self.longest = longest
    }

    /// Whether the stream is in the middle of a line.
    var isMidLine: Bool { isSkipping || !rest.isEmpty }

    /// Takes the next bytes, and gives each line that they complete.
    mutating func append(_ bytes: Span<UInt8>, each: (Line) -> Void) {
        var start = 0
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
            take(bytes.extracting(start..<index), each: each)
            start = index + 1
            if isSkipping {
                isSkipping = false
                continue
            }
            each(.line(rest))
            rest.removeAll(keepingCapacity: rest.capacity <= Self.mostKeptRoom)
        }
        take(bytes.extracting(start..<bytes.count), each: each)
    }

    private mutating func take(_ piece: Span<UInt8>, each: (Line) -> Void) {
        guard !isSkipping else { return }
        guard rest.count + piece.count <= longest else {
            isSkipping = true
            rest = []
            each(.tooLong)
            return
        }
        rest.append(piece)
    }
}
