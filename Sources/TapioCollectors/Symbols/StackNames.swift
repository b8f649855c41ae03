/// Turns addresses of processes into the names of functions, as text. Tables of functions are kept between stacks, within
/// bounds.
struct StackNames {
    private struct Known {
        var image: ELFImage
        var functions: FunctionTable
        var usedAt: UInt64
    }

    /// The most functions of all files together that are kept, and the most files: 24 MiB.
    static let mostFunctions = 1 << 20
    static let mostFiles = 256
    /// The most bytes of a stack's text.
    static let mostBytes = 4096

    /// By file; nil for what is not an ELF file.
    private var files: [ForeignFile.Identity: Known?] = [:]
    private var uses: UInt64 = 0

    /// How many functions are kept.
    var functionCount: Int { files.values.reduce(0) { $0 + ($1?.functions.count ?? 0) } }

    /// A stack in words: "function+0x12 (file) < caller+0x34 (file)", innermost first. What has no name is told as its place
    /// in its file, "file+0x1234", and what lies in no file as its address. Names are as the file has them: any bytes but
    /// NUL. Frames that find no room in ``mostBytes`` are left out, at the outer end.
    ///
    /// - Parameter frames: Addresses to which calls return: each belongs to the instruction before it.
    mutating func text(_ frames: some Sequence<UInt64>, of process: MappedProcess) -> [UInt8] {
        var text: [UInt8] = []
        for address in frames {
            let frame = self.frame(address, of: process)
            let separator = Array((text.isEmpty ? "" : " < ").utf8)
            guard text.count + separator.count + frame.count <= Self.mostBytes else { break }
            text += separator + frame
        }
        return text
    }

    private mutating func frame(_ address: UInt64, of process: MappedProcess) -> [UInt8] {
        guard address > 0, let mapping = process.mappings.mapping(at: address - 1) else {
            return Array("0x\(String(address, radix: 16))".utf8)
        }
        let name = mapping.name.isEmpty ? Array("[anonymous]".utf8) : mapping.name
        let offset = mapping.offset &+ (address - mapping.range.lowerBound)
        guard let file = process.file(mapping), let known = table(file),
            let before = known.image.address(ofByte: offset &- 1)
        else { return Self.place(name, offset) }
        guard let function = known.functions.function(at: before) else { return Self.place(name, before &+ 1) }
        let symbol = known.image.name(at: function.name, file)
        guard !symbol.isEmpty else { return Self.place(name, before &+ 1) }
        return Self.place(symbol, before &+ 1 &- function.begin) + Array(" (".utf8) + name + Array(")".utf8)
    }

    private static func place(_ name: [UInt8], _ offset: UInt64) -> [UInt8] {
        name + Array("+0x\(String(offset, radix: 16))".utf8)
    }

    private mutating func table(_ file: ForeignFile) -> Known? {
        uses += 1
        if let known = files[file.identity] {
            files[file.identity]??.usedAt = uses
            return known
        }
        let image = try? ELFImage(file)
        let known = image.map { Known(image: $0, functions: FunctionTable($0, file), usedAt: uses) }
        makeRoom(for: known?.functions.count ?? 0)
        files[file.identity] = known
        return known
    }

    /// Forgets what was not used for longest, until there is room for a file of that many functions.
    private mutating func makeRoom(for count: Int) {
        var total = functionCount
        while !files.isEmpty, files.count >= Self.mostFiles || total + count > Self.mostFunctions {
            guard let oldest = files.min(by: { ($0.value?.usedAt ?? 0) < ($1.value?.usedAt ?? 0) }) else { return }
            total -= oldest.value?.functions.count ?? 0
            files[oldest.key] = nil
        }
    }
}

/// A process as it is mapped at this time, with the files that were opened of it.
final class MappedProcess {
    /// The most files of a process that are opened at a time.
    static let mostFiles = 64

    let pid: Int32
    let mappings: ProcessMappings
    private var files: [[UInt8]: ForeignFile?] = [:]

    /// nil where it is gone.
    init?(pid: Int32) {
        guard let mappings = ProcessMappings(pid: pid) else { return nil }
        self.pid = pid
        self.mappings = mappings
    }

    /// The file of a mapping; nil where it has none, or can't be opened.
    func file(_ mapping: ProcessMappings.Mapping) -> ForeignFile? {
        if let file = files[mapping.path] { return file }
        guard files.count < Self.mostFiles else { return nil }
        let file = ProcessMappings.open(mapping, of: pid)
        files[mapping.path] = .some(file)
        return file
    }
}
