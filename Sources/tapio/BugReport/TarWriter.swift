/// Puts files together as POSIX ustar (pax(1)), in memory: regular files of root, mode 0600.
struct TarWriter {
    /// Bytes of a header, and what all is a multiple of.
    private static let block = 512
    /// Longest name of a file, and of the directory in front of it.
    private static let nameBytes = 100
    private static let prefixBytes = 155

    private(set) var bytes: [UInt8] = []
    private let directory: String
    private let time: Int64

    /// An archive whose files all lie in `directory`.
    ///
    /// - Parameter time: When they were made, seconds since 1970.
    /// - Precondition: the directory has 1 to 155 bytes, the time is not negative and before the year 2242.
    init(directory: String, time: Int64) {
        precondition((1...TarWriter.prefixBytes).contains(directory.utf8.count) && (0..<1 << 33).contains(time))
        self.directory = directory
        self.time = time
    }

    /// Adds a file.
    ///
    /// - Precondition: the name has 1 to 100 bytes, the content less than 8 GiB.
    mutating func add(_ name: String, _ content: [UInt8]) {
        precondition((1...TarWriter.nameBytes).contains(name.utf8.count) && content.count < 1 << 33)
        var header = [UInt8](repeating: 0, count: TarWriter.block)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        put(name, at: 0)
        put(TarWriter.octal(0o600, digits: 7), at: 100)
        put(TarWriter.octal(0, digits: 7), at: 108)
        put(TarWriter.octal(0, digits: 7), at: 116)
        put(TarWriter.octal(Int64(content.count), digits: 11), at: 124)
        put(TarWriter.octal(time, digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put("root", at: 265)
        put("root", at: 297)
        put(directory, at: 345)
        // The sum of the header's bytes, with spaces in the place of the sum.
        let sum = header.reduce(0) { $0 + Int64($1) }
        put(TarWriter.octal(sum, digits: 6) + "\0 ", at: 148)
        bytes += header
        bytes += content
        bytes += [UInt8](repeating: 0, count: (TarWriter.block - content.count % TarWriter.block) % TarWriter.block)
    }

    /// The archive with its end: two empty blocks.
    consuming func finish() -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: 2 * TarWriter.block)
    }

    private static func octal(_ value: Int64, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
