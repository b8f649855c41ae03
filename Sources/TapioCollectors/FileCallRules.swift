import TapioBPF
import TapioEvents

/// What system calls do to files, and which of their arguments say to which: the table `rules` of `file.bpf.c`.
enum FileCallRules {
    private static let calls = 512

    /// A `tapio_file_rule` for each number of a call, one behind the other.
    static let bytes: [UInt8] = {
        let size = MemoryLayout<tapio_file_rule>.size
        var bytes = [UInt8](repeating: 0, count: calls * size)
        for (name, rule) in rules {
            guard let number = KernelNames.systemCalls.firstIndex(of: name), number < calls else { continue }
            unsafe withUnsafeBytes(of: rule) { rule in
                for index in 0..<size { bytes[number * size + index] = unsafe rule[index] }
            }
        }
        return bytes
    }()

    private static let rules: [(String, tapio_file_rule)] = [
        ("open", rule(TAPIO_FILE_OPEN, path: 0, value: 1)),
        ("creat", rule(TAPIO_FILE_OPEN, path: 0, form: 2)),
        ("openat", rule(TAPIO_FILE_OPEN, directory: 0, path: 1, value: 2)),
        ("openat2", rule(TAPIO_FILE_OPEN, directory: 0, path: 1, value: 2, form: 1)),
        ("unlink", rule(TAPIO_FILE_UNLINK, path: 0)),
        ("unlinkat", rule(TAPIO_FILE_UNLINK, directory: 0, path: 1)),
        ("rmdir", rule(TAPIO_FILE_RMDIR, path: 0)),
        ("rename", rule(TAPIO_FILE_RENAME, path: 0, newPath: 1)),
        ("renameat", rule(TAPIO_FILE_RENAME, directory: 0, path: 1, newDirectory: 2, newPath: 3)),
        ("renameat2", rule(TAPIO_FILE_RENAME, directory: 0, path: 1, newDirectory: 2, newPath: 3)),
        ("chmod", rule(TAPIO_FILE_CHMOD, path: 0, value: 1)),
        ("fchmod", rule(TAPIO_FILE_CHMOD, descriptor: 0, value: 1)),
        ("fchmodat", rule(TAPIO_FILE_CHMOD, directory: 0, path: 1, value: 2)),
        ("fchmodat2", rule(TAPIO_FILE_CHMOD, directory: 0, path: 1, value: 2)),
        ("chown", rule(TAPIO_FILE_CHOWN, path: 0, value: 1)),
        ("lchown", rule(TAPIO_FILE_CHOWN, path: 0, value: 1)),
        ("fchown", rule(TAPIO_FILE_CHOWN, descriptor: 0, value: 1)),
        ("fchownat", rule(TAPIO_FILE_CHOWN, directory: 0, path: 1, value: 2)),
    ]

    private static func rule(
        _ operation: Int,
        directory: Int8 = -1,
        path: Int8 = -1,
        newDirectory: Int8 = -1,
        newPath: Int8 = -1,
        descriptor: Int8 = -1,
        value: Int8 = -1,
        form: UInt8 = 0
    ) -> tapio_file_rule {
        tapio_file_rule(
            operation: UInt8(operation),
            directory: directory,
            path: path,
            new_directory: newDirectory,
            new_path: newPath,
            descriptor: descriptor,
            value: value,
            value_form: form
        )
    }
}
