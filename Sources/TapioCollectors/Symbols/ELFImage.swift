import TapioEvents

/// What of an ELF file says where its functions are: segments and symbol tables. Any bytes may be in the file: what lies
/// outside of it, or is larger than is read at all, is as if it were not there.
struct ELFImage {
    /// Why a file is not what is looked for.
    enum Fault: Error, Equatable, CustomStringConvertible {
        case notELF
        /// A machine, word size or byte order that is not this machine's.
        case foreign
        case damaged

        var description: String {
            switch self {
            case .notELF: "it is not an ELF file"
            case .foreign: "it is an ELF file for another kind of machine: 64 bits, least byte first, are understood"
            case .damaged: "it is an ELF file whose headers are cut or wrong"
            }
        }
    }

    /// A part of the file that is loaded.
    struct Segment: Equatable {
        var offset: UInt64
        var size: UInt64
        /// Where it is loaded, but for what all addresses of the file are moved by.
        var address: UInt64
        var isExecutable: Bool
    }

    /// A function, of which the file says that it is in it.
    struct Symbol {
        var address: UInt64
        var size: UInt64
        /// Where its name begins in the file.
        var name: UInt64
        /// False where it is a function that only finds out which function is meant.
        var isDirect: Bool
    }

    /// The most headers of each sort that are read.
    static let mostHeaders = 512
    /// The most symbols that are read of a table.
    static let mostSymbols = 4 << 20

    let segments: [Segment]
    private let tables: [Table]

    private struct Table {
        var isDynamic: Bool
        var offset: UInt64
        var count: Int
        var names: Range<UInt64>
    }

    /// Reads the headers of a file.
    init(_ file: ForeignFile) throws(Fault) {
        let header = file.read(at: 0, count: 64)
        guard header.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw .notELF }
        guard header.count == 64 else { throw .damaged }
        // ELFCLASS64, ELFDATA2LSB (elf.h).
        guard header[4] == 2, header[5] == 1 else { throw .foreign }
        segments = try Self.segments(file, header)
        tables = try Self.tables(file, header)
    }

    private static func segments(_ file: ForeignFile, _ header: [UInt8]) throws(Fault) -> [Segment] {
        let entries = try entries(
            file,
            at: header.uint64(at: 32),
            count: Int(header.uint16(at: 56)),
            size: Int(header.uint16(at: 54)),
            leastSize: 56
        )
        return entries.compactMap { bytes in
            guard bytes.uint32(at: 0) == 1 else { return nil }  // PT_LOAD
            return Segment(
                offset: bytes.uint64(at: 8),
                size: bytes.uint64(at: 32),
                address: bytes.uint64(at: 16),
                isExecutable: bytes.uint32(at: 4) & 1 != 0  // PF_X
            )
        }
    }

    private static func tables(_ file: ForeignFile, _ header: [UInt8]) throws(Fault) -> [Table] {
        // A file may do without sections: then it has no symbols.
        guard header.uint64(at: 40) != 0, header.uint16(at: 60) != 0 else { return [] }
        let sections = try entries(
            file,
            at: header.uint64(at: 40),
            count: Int(header.uint16(at: 60)),
            size: Int(header.uint16(at: 58)),
            leastSize: 64
        )
        return sections.compactMap { bytes in
            let type = bytes.uint32(at: 4)
            // SHT_SYMTAB and SHT_DYNSYM, of symbols as they are in 64-bit files.
            guard type == 2 || type == 11, bytes.uint64(at: 56) == symbolBytes else { return nil }
            let link = Int(bytes.uint32(at: 40))
            guard link < sections.count else { return nil }
            let names = sections[link]
            let (begin, size) = (names.uint64(at: 24), names.uint64(at: 32))
            let (end, isTooFar) = begin.addingReportingOverflow(size)
            guard names.uint32(at: 4) == 3, !isTooFar, end <= file.identity.size else { return nil }  // SHT_STRTAB
            return Table(
                isDynamic: type == 11,
                offset: bytes.uint64(at: 24),
                count: Int(min(bytes.uint64(at: 32) / symbolBytes, UInt64(mostSymbols))),
                names: begin..<end
            )
        }
    }

    private static let symbolBytes: UInt64 = 24

    /// The entries of a table of headers.
    private static func entries(
        _ file: ForeignFile,
        at offset: UInt64,
        count: Int,
        size: Int,
        leastSize: Int
    ) throws(Fault) -> [[UInt8]] {
        guard count <= mostHeaders, count == 0 || (leastSize...256).contains(size) else { throw .damaged }
        let bytes = file.read(at: offset, count: count * size)
        guard bytes.count == count * size else { throw .damaged }
        return (0..<count).map { Array(bytes[$0 * size..<($0 + 1) * size]) }
    }

    /// Where a byte of the file is loaded, but for what all addresses are moved by.
    func address(ofByte offset: UInt64) -> UInt64? {
        for segment in segments where offset >= segment.offset && offset - segment.offset < segment.size {
            return segment.address &+ (offset - segment.offset)
        }
        return nil
    }

    /// Where in the file the code is that is loaded at an address.
    func byte(ofAddress address: UInt64) -> UInt64? {
        for segment in segments where segment.isExecutable {
            guard address >= segment.address, address - segment.address < segment.size else { continue }
            return segment.offset &+ (address - segment.address)
        }
        return nil
    }

    /// Goes through the functions that are defined: those of the full table, or of that for linking where there is none
    /// other. O(symbols), read in pieces.
    func forEachFunction(_ file: ForeignFile, isDynamic: Bool, _ body: (Symbol) -> Void) {
        for table in tables where table.isDynamic == isDynamic {
            let most = 4096
            var next = 0
            while next < table.count {
                let wanted = min(table.count - next, most)
                let offset = table.offset.addingReportingOverflow(UInt64(next) * Self.symbolBytes)
                guard !offset.overflow else { return }
                let bytes = file.read(at: offset.partialValue, count: wanted * Int(Self.symbolBytes))
                let count = bytes.count / Int(Self.symbolBytes)
                for index in 0..<count {
                    if let symbol = Self.symbol(bytes, at: index * Int(Self.symbolBytes), table) {
                        body(symbol)
                    }
                }
                guard count == wanted else { return }
                next += count
            }
        }
    }

    private static func symbol(_ bytes: [UInt8], at place: Int, _ table: Table) -> Symbol? {
        let type = bytes[place + 4] & 0xf
        // STT_FUNC and STT_GNU_IFUNC, and not SHN_UNDEF.
        guard type == 2 || type == 10, bytes.uint16(at: place + 6) != 0 else { return nil }
        let name = UInt64(bytes.uint32(at: place))
        guard name != 0, name < UInt64(table.names.count) else { return nil }
        return Symbol(
            address: bytes.uint64(at: place + 8),
            size: bytes.uint64(at: place + 16),
            name: table.names.lowerBound + name,
            isDirect: type == 2
        )
    }

    /// The most bytes of a name.
    static let mostNameBytes = 192

    /// A symbol's name, cut at ``mostNameBytes``; any bytes but NUL may be in it.
    func name(at place: UInt64, _ file: ForeignFile) -> [UInt8] {
        Array(file.read(at: place, count: Self.mostNameBytes).prefix { $0 != 0 })
    }
}

/// Numbers of a file, least byte first, as those of this machine are. Every byte of an array is initialised, and the span
/// checks the bounds.
extension [UInt8] {
    fileprivate func uint16(at offset: Int) -> UInt16 { unsafe span.bytes.uint16(at: offset) }
    fileprivate func uint32(at offset: Int) -> UInt32 { unsafe span.bytes.uint32(at: offset) }
    fileprivate func uint64(at offset: Int) -> UInt64 { unsafe span.bytes.uint64(at: offset) }
}
