import Glibc

/// Paths behind links: Kubernetes mounts Secrets and tokens as links to files that it replaces.
enum LinkedPath {
    /// The file that `path` stands for; `path` itself where it cannot be followed.
    static func resolved(_ path: String) -> String {
        // Allocated by realpath, and freed here.
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }
}
