import Testing

@testable import TapioKubernetes

@Suite("ReflectorPlan")
struct ReflectorPlanTests {
    /// Chance gives the longest waits.
    private func plan(_ adjust: (inout WatchSettings) -> Void = { _ in }) -> ReflectorPlan {
        var settings = WatchSettings()
        settings.pageLimit = 100
        adjust(&settings)
        return ReflectorPlan(settings, chance: { 1 })
    }

    /// One that watches from version 10.
    private func watching() -> ReflectorPlan {
        var plan = plan()
        _ = plan.next()
        plan.pageEnded(resourceVersion: "10", continuing: nil)
        return plan
    }

    @Test("it lists page by page, then watches from the list's version")
    func pages() {
        var plan = plan()
        #expect(plan.next() == .list(continuing: nil, limit: 100))
        plan.pageEnded(resourceVersion: "10", continuing: "a")
        #expect(plan.next() == .list(continuing: "a", limit: 100))
        plan.pageEnded(resourceVersion: "10", continuing: "")
        #expect(plan.next() == .watch(from: "10"))
    }

    @Test("after a watch that ended as it should it watches again at once, from where it was")
    func watchEnds() {
        var plan = watching()
        plan.progressed(to: "12")
        plan.progressed(to: "")
        plan.watchEnded(after: .seconds(300))
        #expect(plan.next() == .watch(from: "12"))
    }

    @Test("a watch that ends as soon as it has begun is asked for less and less often")
    func shortWatch() {
        var plan = watching()
        for seconds in [0.5, 1, 2, 4] {
            plan.watchEnded(after: .zero)
            #expect(plan.next() == .wait(.seconds(seconds)))
            #expect(plan.next() == .watch(from: "10"))
        }
    }

    @Test("failures double the wait up to the bound, and progress ends that")
    func backoff() {
        var plan = watching()
        for seconds in [0.5, 1, 2, 4, 8, 16, 30, 30] {
            plan.failed(.broken)
            #expect(plan.next() == .wait(.seconds(seconds)))
            #expect(plan.next() == .watch(from: "10"))
        }
        plan.progressed(to: "11")
        plan.failed(.broken)
        #expect(plan.next() == .wait(.seconds(0.5)))
        #expect(plan.next() == .watch(from: "11"))
    }

    @Test("chance makes a wait up to half as short", arguments: [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0)])
    func jitter(chance: Double, seconds: Double) {
        let backoff = Backoff(first: .seconds(1), longest: .seconds(100))
        #expect(backoff.delay(failures: 3, chance: chance) == .seconds(seconds))
        #expect(backoff.delay(failures: .max, chance: 1) == .seconds(100))
        #expect(backoff.delay(failures: 0, chance: 1) == .seconds(1))
    }

    @Test("a version that is gone leads to a new list at once, but not again and again")
    func gone() {
        var plan = watching()
        plan.progressed(to: "11")
        plan.failed(.gone)
        #expect(plan.next() == .list(continuing: nil, limit: 100))
        for seconds in [0.5, 1, 2] {
            plan.pageEnded(resourceVersion: "20", continuing: nil)
            #expect(plan.next() == .watch(from: "20"))
            plan.failed(.gone)
            #expect(plan.next() == .wait(.seconds(seconds)))
            #expect(plan.next() == .list(continuing: nil, limit: 100))
        }
    }

    @Test("a page that is gone leads to the first one")
    func pageGone() {
        var plan = plan()
        _ = plan.next()
        plan.pageEnded(resourceVersion: "10", continuing: "a")
        _ = plan.next()
        plan.failed(.gone)
        #expect(plan.next() == .wait(.seconds(0.5)))
        #expect(plan.next() == .list(continuing: nil, limit: 100))
    }

    @Test("a busy server is left alone as long as it asks, within bounds, and no shorter than without that")
    func busy() {
        for (asked, seconds) in [(10.0, 10.0), (0.1, 0.5), (86_400, 300)] {
            var plan = watching()
            plan.failed(.busy(.seconds(asked)))
            #expect(plan.next() == .wait(.seconds(seconds)))
            #expect(plan.next() == .watch(from: "10"))
        }
        var plan = watching()
        plan.failed(.busy(nil))
        #expect(plan.next() == .wait(.seconds(0.5)))
    }

    @Test("with another token it is tried at once, with the same after a while, and a refusal much later")
    func refusals() {
        var plan = watching()
        plan.failed(.unauthorized(tokenChanged: true))
        #expect(plan.next() == .watch(from: "10"))
        plan.failed(.unauthorized(tokenChanged: false))
        #expect(plan.next() == .wait(.seconds(0.5)))
        plan.failed(.refused)
        #expect(plan.next() == .wait(.seconds(75)))
    }

    @Test("a page that is too large is halved down to one object")
    func largePage() {
        var plan = plan { $0.pageLimit = 5 }
        for limit in [5, 2, 1] {
            #expect(plan.next() == .list(continuing: nil, limit: limit))
            plan.failed(.pageTooLarge)
        }
        #expect(plan.next() == .wait(.seconds(60)))
        #expect(plan.next() == .list(continuing: nil, limit: 1))
    }
}

@Suite("ObjectTracker")
struct ObjectTrackerTests {
    private func object(_ uid: String, _ version: String = "1") -> ObjectMetadata {
        ObjectMetadata(uid: uid, name: "name-" + uid, resourceVersion: version)
    }

    @Test("what a list does not show any more is gone, and told once")
    func vanished() {
        var tracker = ObjectTracker(most: 10)
        tracker.beginList()
        for uid in ["a", "b", "c"] { #expect(tracker.isPresent(object(uid)) == .added) }
        #expect(tracker.endList().isEmpty)
        #expect(tracker.isPresent(object("d")) == .added)
        tracker.beginList()
        #expect(tracker.isPresent(object("a")) == .unchanged)
        #expect(tracker.isPresent(object("b", "2")) == .updated)
        tracker.isPresentUnread(object("c"))
        #expect(tracker.endList().map(\.uid) == ["d"])
        #expect(tracker.endList().isEmpty)
        #expect(tracker.count == 3)
    }

    @Test("a list that begins anew forgets what the last one has shown")
    func restart() {
        var tracker = ObjectTracker(most: 10)
        tracker.beginList()
        #expect(tracker.isPresent(object("a")) == .added)
        tracker.beginList()
        #expect(tracker.isPresent(object("b")) == .added)
        #expect(tracker.endList().map(\.uid) == ["a"])
    }

    @Test("beyond the bound nothing is remembered, until something goes")
    func bound() {
        var tracker = ObjectTracker(most: 2)
        #expect(tracker.isPresent(object("a")) == .added)
        #expect(tracker.isPresent(object("b")) == .added)
        #expect(tracker.isPresent(object("c")) == .beyondBound)
        #expect(tracker.isPresent(object("a", "2")) == .updated)
        #expect(tracker.isGone(object("c")) == false)
        #expect(tracker.isGone(object("a")) == true)
        #expect(tracker.isPresent(object("c")) == .added)
        #expect(tracker.count == 2)
    }

    @Test("an object without a version always counts as changed")
    func noVersion() {
        var tracker = ObjectTracker(most: 2)
        #expect(tracker.isPresent(object("a", "")) == .added)
        #expect(tracker.isPresent(object("a", "")) == .updated)
    }
}
