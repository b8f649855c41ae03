import Glibc
import TapioBPF
import TapioKernel

/// Keeps the program of `flow.bpf.c` attached to the interfaces that the options name, also those that come later or anew.
struct FlowInterfaces: CollectorPoller {
    private static let program = "flow_ingress"

    /// Types of interfaces whose packets begin with an Ethernet header (include/uapi/linux/if_arp.h): ARPHRD_ETHER and
    /// ARPHRD_LOOPBACK.
    private static let ethernetTypes = ["1", "772"]

    private struct Attachment {
        var index: UInt32
        var mode: InterfaceMode
    }

    private var wanted: [String] = []
    /// In the order in which they are tried.
    private var modes: [InterfaceMode] = []
    private var attachments: [String: Attachment] = [:]
    private(set) var problems: [String] = []

    /// What the options ask for; the first poll attaches.
    init(options: CollectorOptions) {
        reconfigure(options)
    }

    /// What the kernel granted.
    var notes: [String] {
        attachments.sorted { $0.key < $1.key }.map { "interface \($0.key): \($0.value.mode)" }
    }

    /// What stands in the way of what the options ask for.
    static func unmetNeeds(_ options: CollectorOptions) -> [CollectorNeed] {
        let wanted = options.list(FlowCollector.interfaces)
        guard !wanted.isEmpty else {
            let remedy = "name some: --set collectors.flow.interfaces=[eth0]; ip link shows them"
            return [CollectorNeed("an interface to count at", remedy: remedy)]
        }
        let missing = wanted.filter { index(of: $0) == nil }
        return missing.map { name in
            CollectorNeed(
                "the interface \(name)",
                remedy: "it is found within a window when it comes; ip link shows those of this network namespace",
                isEssential: missing.count == wanted.count
            )
        }
    }

    mutating func reconfigure(_ options: CollectorOptions) {
        wanted = options.list(FlowCollector.interfaces)
        modes = InterfaceMode(rawValue: options.word(FlowCollector.mode)).map { [$0] } ?? [.native, .generic]
    }

    mutating func poll(_ object: BPFObject) throws(KernelError) {
        let gone = attachments.filter { name, attachment in
            !wanted.contains(name) || !modes.contains(attachment.mode) || Self.index(of: name) != attachment.index
        }
        for (name, attachment) in gone {
            object.detach(Self.program, fromInterface: attachment.index)
            attachments[name] = nil
        }
        problems = wanted.isEmpty ? ["no interface is named: set collectors.flow.interfaces"] : []
        for name in wanted where attachments[name] == nil {
            do throws(KernelError) {
                attachments[name] = try attach(name, object)
            } catch {
                problems.append(error.description)
            }
        }
    }

    private func attach(_ name: String, _ object: BPFObject) throws(KernelError) -> Attachment {
        guard let index = Self.index(of: name) else {
            throw KernelError(
                code: ENODEV,
                action: "find",
                subject: "interface \(name)",
                remedy: "name interfaces of the agent's own network namespace, as ip link shows them"
            )
        }
        if let type = ProcFile.read("/sys/class/net/\(name)/type")?.split(separator: "\n").first,
            !Self.ethernetTypes.contains(String(type))
        {
            throw KernelError(
                code: 0,
                action: "count packets of",
                subject: "interface \(name)",
                remedy: "they have no Ethernet header (type \(type)): name the interface that carries them"
            )
        }
        try object.setEntry(index, ofMap: "interfaces", to: PaddedName.bytes(name.utf8))
        var refusal = KernelError(code: EINVAL, action: "attach to", subject: "interface \(name)")
        for mode in modes {
            do throws(KernelError) {
                try object.attach(Self.program, toInterface: index, mode: mode)
                return Attachment(index: index, mode: mode)
            } catch {
                refusal = error
            }
        }
        refusal.subject = "interface \(name)"
        refusal.remedy = Self.remedy(refusal.code)
        throw refusal
    }

    private static func remedy(_ code: Int32) -> String {
        switch code {
        case EPERM, EACCES: "run as root, or grant CAP_NET_ADMIN"
        case EBUSY, EEXIST: "another program is attached to it: only one may be"
        default: "its driver does not allow that: set collectors.flow.mode to auto or generic"
        }
    }

    private static func index(of name: String) -> UInt32? {
        let index = unsafe if_nametoindex(name)
        return index == 0 ? nil : index
    }
}
