import CTapioLibBPF
import Glibc

extension BPFObject {
    /// All elements of one of the object's own hash maps, after `load`, in no order. Programs may add meanwhile: what
    /// was there before is among them. O(elements), two system calls each.
    ///
    /// - Parameters:
    ///   - map: Its name.
    ///   - empty: An element of any content, to be written over.
    /// - Precondition: `Key` and `Value` have the sizes of the map's.
    public func elements<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        ofHash map: String,
        empty: (key: Key, value: Value)
    ) throws(KernelError) -> [(key: Key, value: Value)] {
        let found = unsafe try find(map: map)
        precondition(unsafe Int(bpf_map__key_size(found)) == MemoryLayout<Key>.size)
        precondition(unsafe Int(bpf_map__value_size(found)) == MemoryLayout<Value>.size)
        let descriptor = unsafe bpf_map__fd(found)
        let most = unsafe Int(bpf_map__max_entries(found))
        var elements: [(key: Key, value: Value)] = []
        var key = empty.key
        var isFirst = true
        // A map whose elements come and go could lead in circles.
        while elements.count < most {
            var next = empty.key
            let result = unsafe withUnsafeBytes(of: key) { key in
                unsafe withUnsafeMutableBytes(of: &next) { next in
                    unsafe bpf_map_get_next_key(descriptor, isFirst ? nil : key.baseAddress, next.baseAddress)
                }
            }
            if result != 0 {
                if errno == ENOENT { break }
                throw KernelError(code: errno, action: "walk", subject: "\(name)/\(map)")
            }
            isFirst = false
            key = next
            var value = empty.value
            let lookUp = unsafe withUnsafeBytes(of: key) { key in
                unsafe withUnsafeMutableBytes(of: &value) { value in
                    unsafe bpf_map_lookup_elem(descriptor, key.baseAddress, value.baseAddress)
                }
            }
            if lookUp == 0 { elements.append((key, value)) }
        }
        return elements
    }
}
