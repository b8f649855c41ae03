import Glibc

/// A file descriptor that closes with its owner.
struct Descriptor: ~Copyable {
    let number: Int32

    /// Takes ownership of an open descriptor; -1 is none.
    init(owning number: Int32) {
        self.number = number
    }

    deinit {
        if number >= 0 { close(number) }
    }
}
