import TapioTestSupport
import Testing

/// The agent as a whole, on this machine's kernel: one suite after the other, since each watches what all processes do.
@Suite("The agent as a whole", .serialized, .enabled(if: BPFRequirement.isMet))
enum EndToEnd {}
