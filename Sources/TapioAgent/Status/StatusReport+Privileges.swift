extension StatusReport {
    /// What the agent may do once everything is attached. Names of capabilities are those of capabilities(7) in lower case
    /// and without CAP_.
    public struct Privileges: Codable, Sendable, Equatable {
        /// The effective user.
        public var uid: UInt32 = 0
        /// Capabilities that some thread still has.
        public var kept: [String] = []
        /// Capabilities that it had at the start and dropped.
        public var dropped: [String] = []
        /// Capabilities that a program which it started could get at most.
        public var bounding: [String] = []
        /// Whether no thread, nor a program that it starts, can gain any.
        public var noNewPrivileges = false
        /// What went wrong and what to do, in one line; nil: nothing.
        public var problem: String?

        /// Nothing known yet.
        public init() {}

        /// What is kept and what was dropped, in one line.
        public var line: String {
            let kept = kept.isEmpty ? "no capabilities" : kept.joined(separator: ", ")
            let dropped = dropped.isEmpty ? "nothing" : "\(dropped.count) capabilities"
            return "keeps \(kept); dropped \(dropped)\(noNewPrivileges ? ", can gain none" : "")"
        }
    }
}
