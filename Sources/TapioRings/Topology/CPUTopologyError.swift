import Glibc

/// Why the CPUs could not be found out.
public struct CPUTopologyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong.
    public enum Reason: Sendable, Equatable {
        /// The kernel's error number.
        case errno(Int32)
        /// The file says this, which is not a list of CPUs like `0-3,8`, or not a number where one belongs.
        case malformed(String)
    }

    /// The file or system call.
    public let source: String
    /// What was wrong.
    public let reason: Reason

    /// What, where and what to do, in one line.
    public var description: String {
        switch reason {
        case .errno(let number):
            "cannot read the CPUs from \(source): \(unsafe String(cString: strerror(number))); is /sys mounted?"
        case .malformed(let text):
            "cannot read the CPUs from \(source): '\(text)' is not a list like 0-3,8; is it the kernel's own file?"
        }
    }
}
