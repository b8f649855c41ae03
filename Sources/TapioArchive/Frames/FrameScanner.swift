/// Walks the frames of a file, and past what is damaged. Reads one frame at a time; needs no Thrift.
struct FrameScanner {
    private let file: any ReadableFile
    private let depth: ScanDepth
    private var scan = FrameScan()

    /// Walks `file`. A disk that can't read a part is a problem of that part; only the size must be known.
    static func scan(_ file: any ReadableFile, depth: ScanDepth) throws(FileError) -> FrameScan {
        var scanner = FrameScanner(file: file, depth: depth)
        scanner.scan.fileSize = try file.size()
        scanner.walk()
        return scanner.scan
    }

    private init(file: any ReadableFile, depth: ScanDepth) {
        self.file = file
        self.depth = depth
    }

    private mutating func walk() {
        let start = ArchiveFormat.fileStart
        if let head = read(at: 0, count: Int(min(scan.fileSize, Int64(start.count)))) {
            let hasMagic = head.starts(with: ArchiveFormat.fileMagic)
            scan.startsAsOurs = hasMagic && start.starts(with: head)
            if !hasMagic { report(.fileMagic, 0, "the file does not start with PAR1") }
        } else {
            report(.unreadable, 0, "the file's start can't be read")
        }
        var offset = ArchiveFormat.firstFrameOffset
        while offset < scan.fileSize {
            if let next = takeFrame(at: offset) {
                scan.wholeFrames.append(offset..<next)
                offset = next
            } else {
                let next = resynchronize(after: offset)
                scan.lostBytes += next - offset
                offset = next
            }
        }
        scan.lostBytes += max(0, ArchiveFormat.firstFrameOffset - scan.fileSize)
        if scan.prologue == nil {
            report(.prologue, ArchiveFormat.firstFrameOffset, "no header is whole")
            scan.prologue = prologueFromFooter()
        }
    }

    /// The last footer tells what the lost prologue said.
    private mutating func prologueFromFooter() -> Prologue? {
        guard let footer = scan.footers.last,
            let bytes = read(
                at: footer.frameOffset + Int64(ArchiveFormat.headerLength),
                count: footer.header.payloadLength
            ),
            let parquet = try? ParquetFile(fileMetaData: bytes)
        else { return nil }
        let facts = parquet.keyValues.filter { !SegmentKey.derived.contains($0.key) }
        return Prologue(
            schema: parquet.schema,
            createdBy: parquet.createdBy,
            facts: facts.map { Prologue.Fact(key: $0.key, value: $0.value) },
            totals: nil
        )
    }

    /// Takes the frame at `offset` and returns where it ends, or says what is wrong with it and returns nil.
    private mutating func takeFrame(at offset: Int64) -> Int64? {
        guard let headerBytes = read(at: offset, count: ArchiveFormat.headerLength),
            let header = FrameHeader(headerBytes)
        else {
            report(.frameHeader, offset, "no part of a segment starts here")
            return nil
        }
        scan.knownEnd = max(scan.knownEnd, offset + header.frameLength)
        guard header.frameLength <= scan.fileSize - offset else {
            noteDamaged(header)
            report(
                .cutOff,
                offset,
                "the file ends within a \(header.kind.words): \(scan.fileSize - offset) of its \(header.frameLength) bytes are there"
            )
            return nil
        }
        let isTaken: Bool
        switch header.kind {
        case .padding: isTaken = true
        case .prologue: isTaken = takePrologue(header, at: offset)
        case .rowGroup: isTaken = takeRowGroup(header, at: offset)
        case .footer: isTaken = takeFooter(header, at: offset)
        }
        return isTaken ? offset + header.frameLength : nil
    }

    private mutating func takePrologue(_ header: FrameHeader, at offset: Int64) -> Bool {
        guard let body = checkedBody(header, at: offset) else { return false }
        guard header.trailerLength == 0, let prologue = Prologue(body.payload) else {
            report(.contents, offset, "not a header")
            return false
        }
        if offset == ArchiveFormat.firstFrameOffset { scan.hasFirstPrologue = true }
        scan.prologue = prologue
        return true
    }

    private mutating func takeRowGroup(_ header: FrameHeader, at offset: Int64) -> Bool {
        let trailerBytes: [UInt8]?
        switch depth {
        case .everything: trailerBytes = checkedBody(header, at: offset)?.trailer
        case .facts:
            let trailerOffset = offset + Int64(ArchiveFormat.headerLength + header.payloadLength)
            trailerBytes = read(at: trailerOffset, count: header.trailerLength)
            if trailerBytes == nil { report(.unreadable, offset, "the end of a row group can't be read") }
        }
        guard let trailerBytes else {
            noteDamaged(header)
            return false
        }
        guard let trailer = RowGroupTrailer(trailerBytes),
            trailer.payloadOffset == offset + Int64(ArchiveFormat.headerLength)
        else {
            report(.contents, offset, "not a row group of this place")
            return false
        }
        if let last = scan.groups.last, header.ordinal <= last.header.ordinal {
            report(.order, offset, "row group \(header.ordinal) behind row group \(last.header.ordinal)")
            return false
        }
        scan.groups.append(FrameScan.Group(frameOffset: offset, header: header, trailer: trailer))
        return true
    }

    private mutating func takeFooter(_ header: FrameHeader, at offset: Int64) -> Bool {
        // Footers are small, and what a reader relies on: they are checked at any depth.
        guard let body = checkedBody(header, at: offset) else { return false }
        guard body.trailer == FrameScanner.footerTrailer(payloadLength: header.payloadLength) else {
            report(.contents, offset, "footer does not end in its length and PAR1")
            return false
        }
        scan.footers.append(FrameScan.Footer(frameOffset: offset, header: header, groups: scan.groups.count))
        return true
    }

    /// What a Parquet file ends with, behind a FileMetaData of `payloadLength` bytes.
    static func footerTrailer(payloadLength: Int) -> [UInt8] {
        var writer = BinaryWriter()
        writer.put(UInt32(payloadLength))
        writer.put(raw: ArchiveFormat.fileMagic)
        return writer.bytes
    }

    private mutating func checkedBody(
        _ header: FrameHeader,
        at offset: Int64
    ) -> (payload: [UInt8], trailer: [UInt8])? {
        let start = offset + Int64(ArchiveFormat.headerLength)
        guard let payload = read(at: start, count: header.payloadLength),
            let trailer = read(at: start + Int64(header.payloadLength), count: header.trailerLength)
        else {
            report(.unreadable, offset, "the \(header.kind.words) can't be read")
            return nil
        }
        guard FrameHeader.check(payload: payload, trailer: trailer) == header.bodyCheck else {
            report(
                .checksum,
                offset,
                "the \(header.kind.words) of \(header.frameLength) bytes is damaged: its checksum does not fit"
            )
            return nil
        }
        return (payload, trailer)
    }

    /// The next place behind `offset` where a header is whole, or the file's end.
    private mutating func resynchronize(after offset: Int64) -> Int64 {
        let magic = ArchiveFormat.frameMagic
        let stride = 256 * 1024
        var position = offset + 1
        while position < scan.fileSize {
            // Windows overlap by a header less one byte, so that none hides on a border.
            let window: [UInt8]
            do throws(FileError) {
                window = try file.read(at: position, count: stride + ArchiveFormat.headerLength - 1)
            } catch {
                note(error)
                position += Int64(stride)
                continue
            }
            var index = 0
            while index < min(stride, window.count), window.count - index >= ArchiveFormat.headerLength {
                if window[index] == magic[0], window[index + 1] == magic[1],
                    FrameHeader(Array(window[index..<(index + ArchiveFormat.headerLength)])) != nil
                {
                    return position + Int64(index)
                }
                index += 1
            }
            position += Int64(stride)
        }
        return scan.fileSize
    }

    private mutating func read(at offset: Int64, count: Int) -> [UInt8]? {
        do throws(FileError) {
            return try file.readExactly(at: offset, count: count)
        } catch {
            note(error)
            return nil
        }
    }

    private mutating func note(_ error: FileError) {
        if scan.readError == nil { scan.readError = error }
    }

    private mutating func noteDamaged(_ header: FrameHeader) {
        if header.kind == .rowGroup { scan.damagedGroups[header.ordinal] = header.rows }
    }

    private mutating func report(_ kind: SegmentProblem.Kind, _ offset: Int64, _ detail: String) {
        // A file of nothing but damage must not fill memory with the news of it.
        guard scan.problems.count < 1000 else { return }
        scan.problems.append(SegmentProblem(kind: kind, offset: offset, detail: detail))
    }
}
