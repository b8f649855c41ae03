import Foundation
import Glibc

/// A directory of its own for the files of a run.
struct ScratchDirectory {
    let path: String

    /// Makes it.
    init(in directory: String) throws(EncodeBenchmark.FileError) {
        var template = Array("\(directory)/tapio-bench-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw EncodeBenchmark.FileError(path: directory, errno: errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Removes it and all that is in it.
    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
