import CTapioLibBPF
import Glibc

extension BPFObject {
    /// Sets an entry of one of the object's own maps, after `load`.
    ///
    /// - Precondition: key and value have the sizes of the map's.
    public func setEntry<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key,
        ofMap map: String,
        to value: Value
    ) throws(KernelError) {
        let descriptor = try descriptor(ofMap: map)
        let found = unsafe try find(map: map)
        precondition(unsafe Int(bpf_map__key_size(found)) == MemoryLayout<Key>.size)
        precondition(unsafe Int(bpf_map__value_size(found)) == MemoryLayout<Value>.size)
        let result = unsafe withUnsafeBytes(of: key) { key in
            unsafe withUnsafeBytes(of: value) { value in
                unsafe bpf_map_update_elem(descriptor, key.baseAddress, value.baseAddress, UInt64(BPF_ANY))
            }
        }
        guard result == 0 else { throw KernelError(code: errno, action: "set an entry of", subject: "\(name)/\(map)") }
    }

    /// Removes an entry of one of the object's own maps; nothing happens where there is none.
    ///
    /// - Precondition: the key has the size of the map's.
    public func removeEntry<Key: BitwiseCopyable>(_ key: Key, ofMap map: String) throws(KernelError) {
        let descriptor = try descriptor(ofMap: map)
        let result = unsafe withUnsafeBytes(of: key) { unsafe bpf_map_delete_elem(descriptor, $0.baseAddress) }
        guard result == 0 || errno == ENOENT else {
            throw KernelError(code: errno, action: "remove an entry of", subject: "\(name)/\(map)")
        }
    }

    /// An entry of one of the object's own maps, after `load`; nil where there is none.
    ///
    /// - Parameter empty: A value of any content, to be written over.
    /// - Precondition: key and value have the sizes of the map's.
    public func entry<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key,
        ofMap map: String,
        empty: Value
    ) throws(KernelError) -> Value? {
        let descriptor = try descriptor(ofMap: map)
        let found = unsafe try find(map: map)
        precondition(unsafe Int(bpf_map__key_size(found)) == MemoryLayout<Key>.size)
        precondition(unsafe Int(bpf_map__value_size(found)) == MemoryLayout<Value>.size)
        var value = empty
        let result = unsafe withUnsafeBytes(of: key) { key in
            unsafe withUnsafeMutableBytes(of: &value) { value in
                unsafe bpf_map_lookup_elem(descriptor, key.baseAddress, value.baseAddress)
            }
        }
        if result == 0 { return value }
        guard errno == ENOENT else { throw KernelError(code: errno, action: "read", subject: "\(name)/\(map)") }
        return nil
    }

    private func descriptor(ofMap map: String) throws(KernelError) -> Int32 {
        guard let descriptor = mapDescriptor(map) else {
            throw KernelError(code: ENOENT, action: "find map", subject: "\(name)/\(map)", remedy: "load it first")
        }
        return descriptor
    }
}
