import Glibc

/// A block device behind which is a file of a test's own, gone with the object. Needs root and `losetup`.
public final class LoopDevice {
    /// Its path, "/dev/loop3".
    public let path: String
    /// The file behind it.
    public let file: String
    private let directory: TemporaryDirectory

    /// A device of that size; nil where this machine makes none.
    public init?(bytes: Int, file place: String? = nil) {
        directory = TemporaryDirectory()
        file = place ?? directory.file("image")
        let descriptor = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard ftruncate(descriptor, bytes) == 0,
            let child = try? ChildProcess("losetup", ["--find", "--show", file], directory: directory),
            child.wait() == .exited(0)
        else { return nil }
        path = String(child.output.split(separator: "\n").first ?? "")
    }

    /// The device's name, "loop3".
    public var name: String { String(path.split(separator: "/").last ?? "") }

    deinit {
        _ = try? InteractiveProcess.run(["losetup", "--detach", path])
    }
}
