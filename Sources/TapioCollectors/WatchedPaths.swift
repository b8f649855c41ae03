import Glibc
import TapioBPF
import TapioKernel

/// Keeps the maps of `file.bpf.c` as the file system is: which directories and files the watched paths are now.
struct WatchedPaths: CollectorPoller {
    /// A directory as the kernel knows it.
    private struct Directory: Hashable {
        var device: UInt64
        var inode: UInt64

        var key: tapio_watched_key { tapio_watched_key(device: device, inode: inode) }
    }

    /// A name in a directory.
    private struct File: Hashable {
        var directory: Directory
        var name: String
    }

    /// What a directory is watched for.
    private struct Watch: Equatable {
        var path: UInt32 = .max
        var hasNames = false
    }

    /// All that the maps hold.
    private struct Tables {
        var directories: [Directory: Watch] = [:]
        var files: [File: UInt32] = [:]
        var texts: [String: UInt32] = [:]
    }

    private var patterns: [(text: String, writesOnly: Bool)] = []
    private var numbers: [String: UInt32] = [:]
    private var freeNumbers = Array((0..<UInt32(TAPIO_WATCHED_PATHS)).reversed())
    private var current = Tables()

    /// What the options ask for; the maps are set at the first poll.
    init(_ options: CollectorOptions) {
        reconfigure(options)
    }

    mutating func reconfigure(_ options: CollectorOptions) {
        patterns =
            options.list(FileCollector.paths).map { (Self.trimmed($0), false) }
            + options.list(FileCollector.writePaths).map { (Self.trimmed($0), true) }
    }

    mutating func poll(_ object: BPFObject) throws(KernelError) {
        let (wanted, isCut) = try tables(object)
        try apply(wanted, to: object)
        let used = Set(wanted.texts.values).union(wanted.files.values).union(wanted.directories.values.map(\.path))
        for (path, number) in numbers where !used.contains(number) {
            numbers[path] = nil
            freeNumbers.append(number)
        }
        if isCut {
            throw KernelError(
                code: E2BIG,
                action: "watch",
                subject: "all paths",
                remedy: "the patterns of collectors.file stand for more than \(TAPIO_WATCHED_PATHS) of them: name fewer"
            )
        }
    }

    /// What the maps should hold, with a number for each path; and whether there are more paths than numbers.
    private mutating func tables(_ object: BPFObject) throws(KernelError) -> (tables: Tables, isCut: Bool) {
        var wanted = Tables()
        var isCut = false
        for pattern in patterns {
            let isGlob = pattern.text.utf8.contains { "*?[".utf8.contains($0) }
            for path in isGlob ? Self.expand(pattern.text) : [pattern.text] {
                guard path.utf8.count < Int(TAPIO_WATCHED_PATH_BYTES),
                    let number = try number(of: path, pattern.writesOnly, object)
                else {
                    isCut = true
                    continue
                }
                if !isGlob { wanted.texts[path] = number }
                Self.add(path, number, to: &wanted)
            }
        }
        return (wanted, isCut)
    }

    private mutating func number(_ path: String) -> UInt32? {
        if let known = numbers[path] { return known }
        guard let number = freeNumbers.popLast() else { return nil }
        numbers[path] = number
        return number
    }

    private mutating func number(
        of path: String,
        _ writesOnly: Bool,
        _ object: BPFObject
    ) throws(KernelError) -> UInt32? {
        guard let number = number(path) else { return nil }
        // A path, then a byte: as the program has it.
        var bytes: [256 of UInt8] = .init(repeating: 0)
        for (index, byte) in path.utf8.enumerated() { bytes[index] = byte }
        bytes[255] = writesOnly ? 1 : 0
        try object.setEntry(number, ofMap: "watched_paths", to: bytes)
        return number
    }

    /// Adds what a path is now: a directory with all below it, or a name in one, by the path itself and by what links lead to.
    private static func add(_ path: String, _ number: UInt32, to tables: inout Tables) {
        if let (directory, isDirectory) = identity(path), isDirectory {
            tables.directories[directory, default: Watch()].path = number
            return
        }
        for path in Set([path, resolved(path)].compactMap(\.self)) {
            guard let slash = path.lastIndex(of: "/") else { continue }
            let name = String(path[path.index(after: slash)...])
            let parent = slash == path.startIndex ? "/" : String(path[..<slash])
            guard !name.isEmpty, name.utf8.count < Int(TAPIO_WATCHED_NAME_BYTES),
                let (directory, isDirectory) = identity(parent), isDirectory
            else { continue }
            tables.files[File(directory: directory, name: name)] = number
            tables.directories[directory, default: Watch()].hasNames = true
        }
    }

    /// Changes in the maps what is not as it should be. What goes is removed last, so that nothing that stays is ever missed.
    private mutating func apply(_ wanted: Tables, to object: BPFObject) throws(KernelError) {
        for (file, number) in wanted.files where current.files[file] != number {
            try object.setEntry(Self.key(file), ofMap: "watched_names", to: number)
        }
        for (text, number) in wanted.texts where current.texts[text] != number {
            let value = tapio_watched_prefix(path: number, bytes: UInt32(text.utf8.count))
            try object.setEntry(Self.key(text), ofMap: "watched_texts", to: value)
        }
        for (directory, watch) in wanted.directories where current.directories[directory] != watch {
            let value = tapio_watched_file(path: watch.path, has_names: watch.hasNames ? 1 : 0)
            try object.setEntry(directory.key, ofMap: "watched_files", to: value)
        }
        for directory in current.directories.keys where wanted.directories[directory] == nil {
            try object.removeEntry(directory.key, ofMap: "watched_files")
        }
        for text in current.texts.keys where wanted.texts[text] == nil {
            try object.removeEntry(Self.key(text), ofMap: "watched_texts")
        }
        for file in current.files.keys where wanted.files[file] == nil {
            try object.removeEntry(Self.key(file), ofMap: "watched_names")
        }
        current = wanted
    }

    // MARK: - Keys

    /// tapio_watched_name: a directory, and a name padded with NUL.
    private static func key(_ file: File) -> [10 of UInt64] {
        var words: [10 of UInt64] = .init(repeating: 0)
        words[0] = file.directory.device
        words[1] = file.directory.inode
        for (index, byte) in file.name.utf8.enumerated() {
            words[2 + index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        return words
    }

    /// tapio_watched_text: bits, and a text padded with NUL.
    private static func key(_ text: String) -> [65 of UInt32] {
        var words: [65 of UInt32] = .init(repeating: 0)
        words[0] = UInt32(text.utf8.count * 8)
        for (index, byte) in text.utf8.enumerated() { words[1 + index / 4] |= UInt32(byte) << UInt32(index % 4 * 8) }
        return words
    }

    // MARK: - File system

    private static func trimmed(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }

    private static func identity(_ path: String) -> (Directory, isDirectory: Bool)? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        // The kernel's own form of a device number (include/linux/kdev_t.h), where stat(2) gives another (makedev(3)).
        let number = UInt64(status.st_dev)
        let major = number >> 8 & 0xfff | number >> 32 & 0xffff_f000
        let minor = number & 0xff | number >> 12 & 0xffff_ff00
        let device = major << 20 | minor
        let directory = Directory(device: device, inode: UInt64(status.st_ino))
        return (directory, status.st_mode & S_IFMT == S_IFDIR)
    }

    private static func resolved(_ path: String) -> String? {
        guard let found = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(found) }
        return unsafe String(validatingCString: found)
    }

    /// The paths that a pattern stands for now (glob(7)).
    private static func expand(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, GLOB_NOSORT | GLOB_NOESCAPE, nil, &found) == 0 else { return [] }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].flatMap { unsafe String(validatingCString: $0) }
        }
    }
}
