import CTapioSystem
import TapioBPF

/// Names that the kernel's numbers have on the architecture that this was built for.
public enum KernelNames {
    /// System calls by number; empty where there is none.
    public static let systemCalls: [String] = (0..<tapio_system_call_count()).map { number in
        unsafe tapio_system_call_name(number).map { unsafe String(cString: $0) } ?? ""
    }

    /// Error numbers: ``errors``[28] is "ENOSPC".
    public static let errors: [String] = (0..<134).map { number in
        number == 0 ? "" : unsafe tapio_error_name(number).map { unsafe String(cString: $0) } ?? ""
    }

    /// The name of an error number, or "errno" and the number.
    public static func error(_ number: Int64) -> String {
        let name = Int(exactly: number).flatMap { errors.indices.contains($0) ? errors[$0] : nil } ?? ""
        return name.isEmpty ? "errno \(number)" : name
    }
}
