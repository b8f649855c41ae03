import Glibc
public import TapioKernel

/// Tests that need BPF: `@Suite(.enabled(if: BPFRequirement.isMet))`. In CI (`CI=true`) they always run, and so fail
/// where BPF cannot load; elsewhere a machine that truly lacks it skips them and says why.
public enum BPFRequirement {
    /// Why BPF cannot be used here; nil where it can.
    public static let obstacle: KernelError? = KernelSupport.probe()

    /// Whether tests that need BPF are to run.
    public static let isMet: Bool = {
        if let value = getenv("CI"), String(cString: value) == "true" { return true }
        if let obstacle {
            print("skipped, for lack of BPF: \(obstacle)")
            return false
        }
        return true
    }()
}
