/// A name in a cgroup's path that a container runtime gave.
struct ContainerCgroup {
    let runtime: ContainerIdentity.Runtime?
    let id: String

    /// What runtimes put before the id: as `<prefix>-<id>.scope` for systemd, as `<prefix>-<id>` without it, and as
    /// `<slice>:<prefix>:<id>` where one is given the other's notation.
    private static let prefixes: [(text: String, runtime: ContainerIdentity.Runtime)] = [
        ("cri-containerd", .containerd),
        ("nerdctl", .containerd),
        ("docker", .docker),
        ("crio", .crio),
        ("libpod", .podman),
    ]

    /// - Parameter parents: The names above.
    init?(_ name: Substring, parents: ArraySlice<Substring>) {
        if let found = Self(prefixed: name) ?? Self(bare: name, parents: parents) ?? Self(named: name, parents: parents)
        {
            self = found
        } else {
            return nil
        }
    }

    /// What follows the slice in `<slice>:<prefix>:<id>`.
    init?(afterSlice rest: Substring) {
        let fields = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2, let known = Self.prefixes.first(where: { $0.text == fields[0] }),
            Self.isFullID(fields[1])
        else { return nil }
        self.init(runtime: known.runtime, id: String(fields[1]))
    }

    private init(runtime: ContainerIdentity.Runtime?, id: String) {
        self.runtime = runtime
        self.id = id
    }

    /// `docker-<id>.scope`, `crio-<id>`, `system.slice:docker:<id>`.
    private init?(prefixed name: Substring) {
        if let colon = name.firstIndex(of: ":"), name[..<colon].hasSuffix(".slice") {
            self.init(afterSlice: name[name.index(after: colon)...])
            return
        }
        for prefix in Self.prefixes where name.hasPrefix(prefix.text + "-") {
            var id = name.dropFirst(prefix.text.count + 1)
            if id.hasSuffix(".scope") { id.removeLast(".scope".count) }
            guard Self.isFullID(id) else { return nil }
            self.init(runtime: prefix.runtime, id: String(id))
            return
        }
        return nil
    }

    /// An id alone, below a directory that says whose it is.
    private init?(bare name: Substring, parents: ArraySlice<Substring>) {
        guard Self.isFullID(name), let parent = parents.last else { return nil }
        if parent == "docker" {
            self.init(runtime: .docker, id: String(name))
        } else if ["default", "k8s.io", "moby"].contains(parent) {
            // containerd's namespaces: ctr's and nerdctl's, the CRI plugin's, and docker's.
            self.init(runtime: parent == "moby" ? .docker : .containerd, id: String(name))
        } else if PodCgroup(parent, parents: parents.dropLast()) != nil {
            self.init(runtime: nil, id: String(name))
        } else {
            return nil
        }
    }

    /// `/default/<what the user called it>`. At the root only: in a container, such a directory can be the program's own.
    private init?(named name: Substring, parents: ArraySlice<Substring>) {
        guard parents.elementsEqual(["default"]), name.utf8.count <= 76, Self.isContainerdName(name) else {
            return nil
        }
        self.init(runtime: .containerd, id: String(name))
    }

    /// 64 lowercase hexadecimal digits.
    private static func isFullID(_ text: Substring) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy(isLowercaseHexDigit)
    }

    /// containerd's identifiers: letters and digits, with single `.`, `_`, `-` between them.
    private static func isContainerdName(_ text: Substring) -> Bool {
        text.split(omittingEmptySubsequences: false, whereSeparator: { ".-_".contains($0) }).allSatisfy { word in
            !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
        }
    }
}

/// 0 to 9, a to f.
func isLowercaseHexDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
