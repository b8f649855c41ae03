import TapioRings

/// Finds and repairs what is not UTF-8: one bad byte makes a whole column unreadable for two of the readers.
enum UTF8Repair {
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// Appends `text`; each maximal part that can't be UTF-8 is replaced by U+FFFD, as Unicode recommends.
    @unsafe static func append(_ text: UnsafeBufferPointer<UInt8>, to page: inout ScratchBuffer<UInt8>) {
        var start = 0
        var index = unsafe asciiPrefix(of: text)
        while index < text.count {
            let (length, isValid) = unsafe sequence(in: text, at: index)
            if !isValid {
                unsafe page.append(copying: text.extracting(start..<index))
                page.append(bytes: replacement)
                start = index + length
            }
            index += length
        }
        unsafe page.append(copying: text.extracting(start..<text.count))
    }

    /// How many bytes of the front are ASCII, in whole words.
    @unsafe private static func asciiPrefix(of text: UnsafeBufferPointer<UInt8>) -> Int {
        let raw = UnsafeRawBufferPointer(text)
        var index = 0
        while index + 8 <= text.count {
            let word = unsafe raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard word & 0x8080_8080_8080_8080 == 0 else { break }
            index += 8
        }
        return index
    }

    /// The length of the character at `index`, or of the longest part of one that could have become a character.
    @inline(__always)
    @unsafe private static func sequence(
        in text: UnsafeBufferPointer<UInt8>,
        at index: Int
    ) -> (length: Int, isValid: Bool) {
        let lead = unsafe text[index]
        let needed: Int
        var allowed: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0x00...0x7F: return (1, true)
        case 0xC2...0xDF: needed = 2
        case 0xE0: (needed, allowed) = (3, 0xA0...0xBF)
        case 0xED: (needed, allowed) = (3, 0x80...0x9F)
        case 0xE1...0xEF: needed = 3
        case 0xF0: (needed, allowed) = (4, 0x90...0xBF)
        case 0xF4: (needed, allowed) = (4, 0x80...0x8F)
        case 0xF1...0xF3: needed = 4
        default: return (1, false)
        }
        for offset in 1..<needed {
            guard index + offset < text.count, unsafe allowed.contains(text[index + offset]) else {
                return (offset, false)
            }
            allowed = 0x80...0xBF
        }
        return (needed, true)
    }
}
