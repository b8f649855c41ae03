public import TapioArchive

/// Reads a recording frame by frame, and believes nothing of it unchecked. Holds one frame in memory.
public struct RecordingReader {
    private let path: String
    private let file: any ReadableFile
    private let size: Int64
    private var offset: Int64
    private var ordinal: UInt64 = 0
    private var isEnded = false

    /// Opens a recording.
    public init(_ path: String, fileSystem: any FileSystem = PosixFileSystem()) throws(RecordingError) {
        self.path = path
        let head: [UInt8]
        do throws(FileError) {
            file = try fileSystem.open(path)
            size = try file.size()
            head = try file.read(at: 0, count: RecordingFrame.magic.count)
        } catch {
            throw RecordingError("\(error)")
        }
        guard head == RecordingFrame.magic else {
            throw RecordingError("\(path) is no recording of this version; tapio run --record makes them")
        }
        offset = Int64(RecordingFrame.magic.count)
    }

    /// Bytes that were read, and of the file.
    public var progress: (done: Int64, total: Int64) { (offset, size) }

    /// The next frame; nil at the end.
    ///
    /// - Throws: Where the file was cut off, or a bit of it is not as it was written.
    public mutating func next() throws(RecordingError) -> RecordingFrame? {
        if isEnded {
            if offset < size { throw damaged("bytes follow its end") }
            return nil
        }
        let header = try read(RecordingFrame.headerBytes)
        let length = header[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        let check = header[8...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let place = offset
        guard length <= RecordingFrame.mostBytes, header[5..<8].allSatisfy({ $0 == 0 }) else {
            throw damaged("no frame begins there")
        }
        guard size - offset - Int64(RecordingFrame.headerBytes) >= Int64(length) else {
            // A length that was changed reaches beyond the end as well: which of both it was, nothing tells.
            throw RecordingError("\(path) ends within a frame at byte \(place): it was cut off, or is damaged there")
        }
        offset += Int64(RecordingFrame.headerBytes)
        let payload = try read(length)
        guard RecordingFrame.check(payload, type: header[4], ordinal: ordinal) == check,
            let frame = RecordingFrame(type: header[4], payload: payload)
        else {
            offset = place
            throw damaged("the checksum does not match")
        }
        offset += Int64(length)
        ordinal += 1
        if case .end = frame { isEnded = true }
        return frame
    }

    private func read(_ count: Int) throws(RecordingError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try file.read(at: offset, count: count)
        } catch {
            throw RecordingError("\(error)")
        }
        guard bytes.count == count else {
            throw RecordingError("\(path) ends at byte \(size) without its end: it was cut off; record again")
        }
        return bytes
    }

    private func damaged(_ reason: String) -> RecordingError {
        RecordingError("\(path) is damaged at byte \(offset): \(reason); record again")
    }
}
