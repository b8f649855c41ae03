import CTapioSystem
import Foundation
import Glibc
import TapioRings

/// Binds this process to CPUs.
enum ProcessBinding {
    /// Binds all threads that this process has now, and so all that they will start.
    static func bind(to cpus: [Int]) throws(GeneratorError) {
        var mask = [UInt64](repeating: 0, count: 128)
        for cpu in cpus where (0..<mask.count * 64).contains(cpu) { mask[cpu / 64] |= 1 << UInt64(cpu % 64) }
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        for tid in threads.compactMap({ Int32($0) }) {
            let result = unsafe tapio_set_affinity(tid, mask, mask.count)
            // A thread that has ended meanwhile needs no binding.
            guard result >= 0 || result == -ESRCH else {
                throw GeneratorError("cannot bind this process to CPUs \(cpus)", errno: -result)
            }
        }
    }
}

/// The CPU of benchmarks that say what one core does.
public enum BenchmarkCPU {
    /// Binds this process to it; nil: the last one that is online.
    public static func bind(to cpu: Int?) throws {
        let online = try CPUTopology.current().online
        guard let chosen = cpu ?? online.last, online.contains(chosen) else {
            throw GeneratorError("there is no CPU \(cpu.map(String.init) ?? ""); online are \(online)")
        }
        try ProcessBinding.bind(to: [chosen])
    }
}
