extension FileSystem {
    /// Bytes that are copied at a time.
    private var copyBytes: Int { 1 << 20 }

    /// Copies a file into a directory, which is made where it is missing. The copy has its name when it is whole and durable.
    /// A file that has that name already stays as it is.
    public func copy(_ path: String, into directory: String, as name: String) throws(FileError) {
        let target = "\(directory)/\(name)"
        if try facts(of: target) != nil { return }
        for changed in try makeDirectories(directory) { try syncDirectory(changed) }
        let temporary = target + ".tmp"
        if try facts(of: temporary) != nil { try remove(temporary) }
        let source = try open(path)
        let copy = try create(temporary)
        do throws(FileError) {
            var offset: Int64 = 0
            while true {
                let bytes = try source.read(at: offset, count: copyBytes)
                if bytes.isEmpty { break }
                var written = 0
                try copy.writeAll([.array(bytes)], at: offset, written: &written)
                offset += Int64(bytes.count)
            }
            try copy.sync()
            try rename(temporary, to: target)
            try syncDirectory(directory)
        } catch {
            try? remove(temporary)
            throw error
        }
    }
}
