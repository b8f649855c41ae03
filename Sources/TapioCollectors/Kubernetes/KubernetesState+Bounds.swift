import TapioBPF

// What comes from the API is bounded before anything is kept of it: an object may have 1.5 MiB of text in any field.

/// Texts within bounds.
struct KubernetesTextBound {
    /// Texts that were cut.
    private(set) var cuts: UInt64 = 0

    /// Cuts between characters, with `…` at the end of what was longer.
    mutating func name(_ text: inout String) { bound(&text, Int(TAPIO_K8S_NAME_BYTES)) }

    /// The same, for what is written for people.
    mutating func text(_ text: inout String) { bound(&text, Int(TAPIO_K8S_TEXT_BYTES)) }

    private mutating func bound(_ text: inout String, _ most: Int) {
        guard let cut = Self.cut(text, to: most) else { return }
        text = cut
        cuts += 1
    }

    /// Nil where it fits. O(`most`).
    static func cut(_ text: String, to most: Int) -> String? {
        let mark = "…"
        let bytes = Array(text.utf8.prefix(most + 1))
        guard bytes.count > most else { return nil }
        var end = most - mark.utf8.count
        // 10xxxxxx goes on with a character.
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self) + mark
    }
}

extension KubernetesPodState {
    /// The most containers of a pod that are kept.
    static let mostContainers = 256

    mutating func bound(_ bound: inout KubernetesTextBound) {
        messageBytes = message.utf8.count
        bound.name(&uid)
        bound.name(&name)
        bound.name(&namespace)
        bound.name(&workload)
        bound.name(&node)
        bound.name(&phase)
        bound.name(&reason)
        bound.text(&message)
        bound.text(&conditions)
        bound.name(&address)
        containers = Array(containers.prefix(Self.mostContainers))
        for index in containers.indices { containers[index].bound(&bound) }
    }
}

extension KubernetesContainerState {
    fileprivate mutating func bound(_ bound: inout KubernetesTextBound) {
        messageBytes = message.utf8.count
        bound.name(&name)
        bound.name(&id)
        bound.name(&image)
        bound.name(&reason)
        bound.text(&message)
        end?.bound(&bound)
        lastEnd?.bound(&bound)
    }
}

extension KubernetesContainerState.End {
    fileprivate mutating func bound(_ bound: inout KubernetesTextBound) {
        bound.name(&reason)
        bound.name(&containerID)
    }
}

extension KubernetesNodeState {
    mutating func bound(_ bound: inout KubernetesTextBound) {
        messageBytes = message.utf8.count
        bound.name(&name)
        bound.name(&kubeletVersion)
        bound.name(&reason)
        bound.text(&message)
        bound.text(&conditions)
    }
}

extension KubernetesEventState {
    mutating func bound(_ bound: inout KubernetesTextBound) {
        messageBytes = message.utf8.count
        bound.name(&type)
        bound.name(&reason)
        bound.text(&message)
        bound.name(&source)
        bound.name(&host)
        bound.name(&objectKind)
        bound.name(&objectName)
        bound.name(&objectNamespace)
        bound.name(&objectUID)
        bound.name(&container)
    }
}
