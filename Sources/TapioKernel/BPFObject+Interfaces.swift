import CTapioLibBPF
import Glibc

/// Where a program sees the packets that arrive at an interface.
public enum InterfaceMode: String, Sendable {
    /// In the driver, before the kernel makes anything of the packet.
    case native
    /// In the kernel, behind the driver: for all interfaces, and slower.
    case generic
    /// In the network card.
    case offload

    /// XDP_FLAGS_SKB_MODE, …_DRV_MODE and …_HW_MODE (include/uapi/linux/if_link.h).
    fileprivate var flags: UInt32 {
        switch self {
        case .generic: 1 << 1
        case .native: 1 << 2
        case .offload: 1 << 3
        }
    }
}

/// What a link to an interface is known by.
struct InterfaceLink: Hashable {
    let program: String
    let interface: UInt32
}

extension BPFObject {
    /// Attaches a loaded program (`SEC("xdp")`) to an interface of the calling thread's network namespace, by its index, in
    /// exactly that mode. Nothing else may be attached there in another.
    public func attach(
        _ program: String,
        toInterface interface: UInt32,
        mode: InterfaceMode
    ) throws(KernelError) {
        let descriptor = unsafe bpf_program__fd(try handle(program))
        tapio_libbpf_log_begin()
        let link = tapio_bpf_attach_interface(descriptor, Int32(bitPattern: interface), mode.flags)
        let log = LibBPFLog.end()
        guard link >= 0 else {
            throw KernelError(
                code: -link,
                action: "attach \(name)/\(program) in mode \(mode) to",
                subject: "interface \(interface)",
                log: log
            )
        }
        if let old = interfaceLinks.updateValue(link, forKey: InterfaceLink(program: program, interface: interface)) {
            close(old)
        }
    }

    /// Detaches a program from an interface; nothing happens where it is not attached, or the interface is gone. It may still
    /// be running when this returns.
    public func detach(_ program: String, fromInterface interface: UInt32) {
        if let link = interfaceLinks.removeValue(forKey: InterfaceLink(program: program, interface: interface)) {
            close(link)
        }
    }
}
