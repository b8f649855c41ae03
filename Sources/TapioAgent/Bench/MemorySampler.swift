import Glibc

/// Looks at the resident memory of this process twice a second until it is told to stop.
struct MemorySampler {
    private let sampling: Task<[Int64], Never>

    /// Two hours; nothing is noted after that.
    private static let most = 14_400
    private static let interval = Duration.milliseconds(500)

    /// Begins.
    init() {
        sampling = Task {
            var samples = [ProcessCost.resident]
            while (try? await Task.sleep(for: Self.interval)) != nil {
                if samples.count < Self.most { samples.append(ProcessCost.resident) }
            }
            samples.append(ProcessCost.resident)
            return samples
        }
    }

    /// Ends, and tells what it saw.
    func finish() async -> KernelMeasurement.Resident {
        sampling.cancel()
        return KernelMeasurement.Resident(await sampling.value)
    }
}
