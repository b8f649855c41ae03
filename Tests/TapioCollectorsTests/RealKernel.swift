import TapioTestSupport
import Testing

/// Tests that watch this machine's kernel, one after the other: each sees what all processes do.
@Suite("On this machine's kernel", .serialized, .enabled(if: BPFRequirement.isMet))
enum RealKernel {}
