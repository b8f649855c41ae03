/// The functions of a file by address: 24 bytes each, while names stay in the file.
struct FunctionTable {
    private struct Function {
        var address: UInt64
        var name: UInt64
        var size: UInt32
    }

    /// The most functions of a file that are kept.
    static let mostFunctions = 1 << 20

    private var functions: [Function] = []

    /// No functions.
    init() {}

    /// The functions of a file: of its full symbol table, or of that for linking where it has been stripped of the other.
    init(_ image: ELFImage, _ file: ForeignFile) {
        for isDynamic in [false, true] where functions.isEmpty {
            image.forEachFunction(file, isDynamic: isDynamic) { symbol in
                guard functions.count < Self.mostFunctions else { return }
                functions.append(
                    Function(address: symbol.address, name: symbol.name, size: UInt32(clamping: symbol.size))
                )
            }
        }
        functions.sort { ($0.address, $1.size) < ($1.address, $0.size) }
    }

    /// How many there are.
    var count: Int { functions.count }

    /// How far a function is taken to reach that does not say how large it is, unless the next one begins before.
    static let unknownSize: UInt64 = 4096

    /// The function that an address lies in: where it begins, and where in the file its name is. O(log n).
    func function(at address: UInt64) -> (begin: UInt64, name: UInt64)? {
        var (low, high) = (0, functions.count)
        while low < high {
            let middle = (low + high) / 2
            if functions[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        // Of those that begin at the same address the largest comes first.
        let begin = functions[low - 1].address
        var first = low - 1
        while first > 0, functions[first - 1].address == begin { first -= 1 }
        let found = functions[first]
        guard address - begin < (found.size == 0 ? Self.unknownSize : UInt64(found.size)) else { return nil }
        return (begin, found.name)
    }
}
