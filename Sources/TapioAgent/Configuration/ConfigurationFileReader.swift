import Glibc

/// Reads a configuration file as root should: never a device or pipe that blocks, never more than the limit, never what
/// everybody may write, and only text.
enum ConfigurationFileReader {
    /// The largest file that is read; the complete documented configuration has about 10 KiB.
    static let maxBytes = 1 << 20

    /// Why a file was not read.
    struct Refusal: Error {
        let line: Int
        let column: Int
        let message: String
        let remedy: String
        /// Whether there is no such file, which a caller may find acceptable.
        var isMissing = false

        init(_ message: String, remedy: String, line: Int = 0, column: Int = 0) {
            self.message = message
            self.remedy = remedy
            self.line = line
            self.column = column
        }
    }

    /// The file's text as UTF-8, without byte order mark.
    static func read(_ path: String) throws(Refusal) -> [UInt8] {
        // Non-blocking, or the open of a pipe without a writer would never return.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw cannotOpen(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw cannotRead(errno) }
        try check(status)
        try checkPlace(path)
        let bytes = try contents(of: descriptor, expecting: Int(status.st_size))
        return try checkedText(bytes)
    }

    /// Why a directory's entries must not be trusted, or `nil`.
    static func refusal(ofDirectory path: String) -> Refusal? {
        guard mayEverybodyWrite(path) else { return nil }
        return Refusal("everybody may create files in this directory", remedy: "chmod o-w it, and check its files")
    }

    /// Whoever may rename a directory's entries decides what the file is: the one that holds the path, the one that holds
    /// what it leads to, and all above. The sticky bit (as /tmp has it) leaves that to an entry's owner.
    private static func checkPlace(_ path: String) throws(Refusal) {
        var directories = [directory(of: path)]
        if let real = unsafe realpath(path, nil) {
            var place = unsafe String(cString: real)
            unsafe free(real)
            while place != "/" {
                place = directory(of: place)
                directories.append(place)
            }
        }
        for place in directories where mayEverybodyWrite(place, unless: S_ISVTX) {
            throw Refusal(
                "everybody may put another file in its place, since everybody may write its directory \(place)",
                remedy: "chmod o-w \(place), and check the file"
            )
        }
    }

    /// A directory on a file system that is mounted read-only can be written by nobody, whatever its mode says: so does
    /// Kubernetes mount what comes from a ConfigMap.
    private static func mayEverybodyWrite(_ path: String, unless forgiving: mode_t = 0) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IWOTH != 0, status.st_mode & forgiving == 0 else {
            return false
        }
        var mount = statvfs()
        return unsafe statvfs(path, &mount) != 0 || mount.f_flag & UInt(ST_RDONLY) == 0
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The paths of a directory's `*.yaml` in the order of their bytes; hidden ones left out. Empty where there is no directory.
    static func yamlFiles(inDirectory path: String) throws(Refusal) -> [String] {
        guard let directory = unsafe opendir(path) else {
            guard errno == ENOENT else { throw cannotOpen(errno) }
            return []
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            // d_name is a C string within its fixed array (readdir(3)).
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".yaml"), !name.hasPrefix(".") { names.append(name) }
            guard names.count <= maxFiles else {
                throw Refusal("has more than \(maxFiles) *.yaml files", remedy: "merge some")
            }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(path)/\($0)" }
    }

    /// Files of a drop-in directory.
    static let maxFiles = 64

    private static func check(_ status: stat) throws(Refusal) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw Refusal("is a directory", remedy: "name a file in it; drop-ins go to <file>.d/")
        default: throw Refusal("is not a regular file", remedy: "copy it to one")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw Refusal(
                "everybody may write this file, and the agent runs as root",
                remedy: "chmod o-w it, and check it"
            )
        }
        guard status.st_size <= maxBytes else {
            throw Refusal(
                "has \(status.st_size) bytes, more than the \(maxBytes) that a configuration may have",
                remedy: "is this the right file?"
            )
        }
    }

    /// At most one byte more than the limit, whatever the file grows to meanwhile.
    private static func contents(of descriptor: Int32, expecting size: Int) throws(Refusal) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(size, 4096))
        var filled = 0
        while true {
            if filled == bytes.count {
                guard filled <= maxBytes else {
                    throw Refusal("has more than \(maxBytes) bytes", remedy: "is this the right file?")
                }
                bytes.append(contentsOf: repeatElement(0, count: min(filled, maxBytes + 1 - filled) + 1))
            }
            // The buffer is valid for its count during the call, and read(2) writes no more than that.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
            }
            if count < 0 {
                guard errno == EINTR else { throw cannotRead(errno) }
                continue
            }
            if count == 0 { return Array(bytes[..<filled]) }
            filled += count
        }
    }

    /// Text that a YAML parser and a terminal can be given, without byte order mark.
    static func checkedText(_ bytes: [UInt8]) throws(Refusal) -> [UInt8] {
        var line = 1
        var column = 1
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        var isFirst = true
        while true {
            switch decoder.decode(&iterator) {
            case .emptyInput:
                return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
            case .error:
                throw Refusal(
                    "is not valid UTF-8",
                    remedy: "save it as UTF-8, or is this the right file?",
                    line: line,
                    column: column
                )
            case .scalarValue(let scalar):
                if isFirst, scalar == "\u{FEFF}" {
                    column -= 1
                } else if !isText(scalar) {
                    throw Refusal(
                        "has the control character U+\(hexadecimal(scalar)): not a text file",
                        remedy: "remove it, or is this the right file?",
                        line: line,
                        column: column
                    )
                }
                isFirst = false
                column += 1
                if scalar == "\n" { (line, column) = (line + 1, 1) }
            }
        }
    }

    /// Neither controls nor the line breaks of Unicode: YAML would end a line, and so a comment, where no editor shows it.
    private static func isText(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: true
        case 0x00...0x1F, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: false
        default: true
        }
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
        let hex = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - hex.count)) + hex
    }

    private static func cannotOpen(_ code: Int32) -> Refusal {
        var refusal = Refusal(
            "cannot be opened: \(unsafe String(cString: strerror(code)))",
            remedy: "check path and permissions"
        )
        refusal.isMissing = code == ENOENT
        return refusal
    }

    private static func cannotRead(_ code: Int32) -> Refusal {
        Refusal("cannot be read: \(unsafe String(cString: strerror(code)))", remedy: "check the file system")
    }
}
