import Foundation
import Glibc

/// Another program's output, bounded in bytes and time.
enum BoundedCommand {
    /// What came of it.
    struct Result {
        var output: [UInt8]
        /// Why it is not whole; nil where it is.
        var lack: String?
    }

    /// Runs a program with its standard error thrown away; it is killed after so many seconds or bytes.
    static func run(_ path: String, _ arguments: [String], seconds: Int, bytes: Int) -> Result {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return Result(output: [], lack: "cannot start \(path)")
        }
        var result = Result(output: [])
        let descriptor = pipe.fileHandleForReading.fileDescriptor
        let deadline = DispatchTime.now() + .seconds(seconds)
        while true {
            let left = Int64(bitPattern: deadline.uptimeNanoseconds &- DispatchTime.now().uptimeNanoseconds) / 1_000_000
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard left > 0, unsafe poll(&entry, 1, Int32(clamping: left)) > 0 else {
                result.lack = "\(path) was stopped after \(seconds) s"
                break
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count <= 0 { break }
            result.output += buffer[..<count]
            if result.output.count > bytes {
                result.output.removeLast(result.output.count - bytes)
                result.lack = "cut after \(bytes) bytes"
                break
            }
        }
        if result.lack != nil { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        if result.lack == nil, process.terminationStatus != 0 {
            result.lack = "\(path) ended with code \(process.terminationStatus)"
        }
        return result
    }
}
