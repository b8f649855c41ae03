import TapioBPF
import TapioEvents
import TapioKernel

/// Watches what is done to files that matter: who opened, removed, renamed or changed them, or tried to.
public enum FileCollector {
    static let name = "file"

    /// Files and directories, with all below them, that every access to is told of.
    public static let paths = CollectorOption(
        "paths",
        of: .path,
        most: 64,
        default: [
            "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/root/.ssh",
            "/etc/kubernetes",
            "/var/lib/kubelet/pods/*/volumes/kubernetes.io~secret/*",
            "/var/lib/kubelet/pods/*/volumes/kubernetes.io~configmap/*",
            "/var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/*",
            "/var/run/secrets", "/run/secrets",
        ],
        "Files, and directories with all below them, of which each access is told; *, ? and [] stand for parts of a name."
    )

    /// The same for what only changes.
    public static let writePaths = CollectorOption(
        "write_paths",
        of: .path,
        most: 64,
        default: [
            "/etc/passwd", "/etc/group", "/etc/ld.so.preload", "/etc/crontab", "/etc/cron.d", "/etc/systemd/system",
        ],
        "The same for those of which only what changes them is told; other accesses are counted as filtered."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Opening, removing, renaming and changing of chosen files, by default credentials, Secrets and ConfigMaps.",
        schemas: [open, unlink, rename, chmod],
        options: [paths, writePaths],
        tracepoints: [Tracepoint(raw: "sys_exit")],
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, _) throws(KernelError) in
            try object.setConstant("rules", bytes: FileCallRules.bytes)
        },
        makePoller: { WatchedPaths($0) }
    )

    private static let open = schema(
        TAPIO_KIND_FILE_OPEN,
        "file_open",
        .normal,
        "A watched file was opened or made, or somebody tried to.",
        [
            Field(
                Column(1536, "file_inode", .int64, "Inode of the file."),
                .uint64(at: offset(\tapio_file.inode)),
                absent: .allOnes
            ),
            Field(
                Column(1537, "file_access", .string, "What it was opened for: read, write or read_write."),
                .symbol(at: offset(\tapio_file.access), names: ["read", "write", "read_write"])
            ),
            Field(
                Column(1538, "open_flags", .string, "Other flags of open(2), with commas between."),
                .bits(
                    at: offset(\tapio_file.flags),
                    names: ["", "", "", "", "", "", "create", "exclusive", "noctty", "truncate", "append", "nonblock"]
                ),
                absent: .zero
            ),
        ]
    )

    private static let unlink = schema(
        TAPIO_KIND_FILE_UNLINK,
        "file_unlink",
        .high,
        "A watched file or directory was removed, or somebody tried to.",
        []
    )

    private static let rename = schema(
        TAPIO_KIND_FILE_RENAME,
        "file_rename",
        .high,
        "A watched file was renamed, or another one took its name, or somebody tried that.",
        [
            Field(
                Column(1539, "new_path", .string, "The new path."),
                .string(at: offset(\tapio_file.new_path)),
                absent: .zero
            )
        ]
    )

    private static let chmod = schema(
        TAPIO_KIND_FILE_CHMOD,
        "file_chmod",
        .high,
        "Mode or owner of a watched file was changed, or somebody tried to.",
        [
            Field(
                Column(1540, "file_mode", .int32, "Permission bits that were asked for; 420 is 0644."),
                .uint32(at: offset(\tapio_file.mode)),
                absent: .allOnes
            ),
            Field(
                Column(1541, "file_owner", .int64, "User id that was asked for; null where it was to stay."),
                .uint32(at: offset(\tapio_file.owner)),
                absent: .allOnes
            ),
            Field(
                Column(1542, "file_group", .int64, "Group id that was asked for; null where it was to stay."),
                .uint32(at: offset(\tapio_file.group)),
                absent: .allOnes
            ),
        ]
    )

    private static func schema(
        _ kind: Int,
        _ name: String,
        _ priority: Priority,
        _ summary: String,
        _ fields: [Field]
    ) -> EventSchema {
        EventSchema(
            EventKind(kind),
            name,
            collector: self.name,
            priority: priority,
            record: tapio_file.self,
            summary,
            fields: common + fields,
            aggregation: Aggregation(by: ["cgroup_id", "uid", "pid", "comm", "file_operation"])
        )
    }

    private static let common = [
        Field(
            Column(
                1543,
                "file_path",
                .string,
                "The file: as the host has it where it was found by what it is, else as the program gave it."
            ),
            .string(at: offset(\tapio_file.path)),
            absent: .zero
        ),
        Field(
            Column(1544, "file_operation", .string, "open, unlink, rmdir, rename, chmod or chown."),
            .symbol(
                at: offset(\tapio_file.operation),
                names: ["", "open", "unlink", "rmdir", "rename", "chmod", "chown"]
            )
        ),
        Field(.errno, .uint32(at: offset(\tapio_file.error)), absent: .allOnes),
        Field(.error, .code(at: offset(\tapio_file.error), names: KernelNames.errors), absent: .allOnes),
    ]
}
