/// Short names as the kernel keeps them, of tasks and of interfaces.
enum PaddedName {
    /// The first 15 bytes of a name, padded with NUL to 16 (TAPIO_COMM_BYTES; IFNAMSIZ of include/uapi/linux/if.h).
    static func bytes(_ name: some Sequence<UInt8>) -> [16 of UInt8] {
        var bytes: [16 of UInt8] = .init(repeating: 0)
        for (place, byte) in name.prefix(15).enumerated() { bytes[place] = byte }
        return bytes
    }
}
