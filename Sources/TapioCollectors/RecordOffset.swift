/// Where a stored property of a C struct lies in it, in bytes. Traps for one that has no place of its own.
func offset<Record, Value>(_ path: KeyPath<Record, Value>) -> Int {
    MemoryLayout<Record>.offset(of: path)!
}
