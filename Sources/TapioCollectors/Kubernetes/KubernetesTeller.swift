import TapioEvents
import TapioKernel
import TapioRings

/// Takes changes from several threads and tells those that are rows, one at a time.
final class KubernetesTeller: Sendable {
    private struct State: Sendable {
        var tracker: KubernetesTracker
        /// Nil once the object may go.
        var reporter: EventReporter?
        var problem: String?
    }

    private let state: Guarded<State>

    init(node: String, through reporter: EventReporter) {
        state = Guarded(State(tracker: KubernetesTracker(node: node), reporter: reporter))
    }

    /// Takes a change. While another is told it waits, some microseconds for each row.
    func take(_ change: KubernetesChange) {
        state.withLock { state in
            guard let reporter = state.reporter else { return }
            for row in state.tracker.take(change) {
                do throws(KernelError) {
                    try reporter.report(row.record)
                } catch {
                    state.problem = error.description
                }
            }
        }
    }

    /// Tells nothing any more.
    func close() { state.withLock { $0.reporter = nil } }

    /// What went wrong; lines of ``CollectorHealth``.
    var problems: [String] {
        state.withLock { state in
            var problems = [state.problem].compactMap(\.self)
            if state.tracker.podsLeftOut > 0 {
                problems.append(
                    "\(state.tracker.podsLeftOut) pods were left out: at most \(KubernetesTracker.mostPods) of a node are told of"
                )
            }
            return problems
        }
    }

    /// What it knows, and what it passed over; likewise.
    var notes: [String] {
        state.withLock { state in
            var notes = ["\(state.tracker.pods.count) pods on this node"]
            if state.tracker.eventsElsewhere > 0 {
                notes.append("\(state.tracker.eventsElsewhere) events of other nodes' pods passed over")
            }
            if state.tracker.textsCut > 0 { notes.append("\(state.tracker.textsCut) texts cut") }
            return notes
        }
    }
}
