import NIOConcurrencyHelpers
package import NIOCore
import RookeryCore
import RookeryWire
import Synchronization

/// Runs the tasks of an event loop's connections on that loop, so that handling a message needs no hop.
///
/// It keeps a run queue of its own: what becomes ready while bytes are being read is run when the read burst ends,
/// without a lock and without waking the loop, and whatever those jobs wrote is flushed once after them.
package final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    // Why it is Sendable, unchecked: everything mutable below but `inbox` and the atomics is confined to the event loop.

    /// The loop.
    package let eventLoop: any EventLoop
    /// What the loop's connections compress with, one after another.
    let compression = Compression()
    private let inbox = NIOLockedValueBox<[UnownedJob]>([])
    private var queue: [UnownedJob] = []
    private var running: [UnownedJob] = []
    private var unsettled: [any LoopSettling] = []
    private var isRunning = false
    private var isScheduled = false
    private var isInBurst = false
    /// Odd while something runs; the next number whenever that changes. Read by the watchdog.
    private let activityNumber = Atomic<UInt64>(0)
    private let runningNumber = Atomic<Int>(0)
    /// Tells a burst, and all that ran in it, from what runs later.
    private(set) var burst: UInt64 = 0
    /// When the last one began.
    private(set) var burstBeganAt = NIODeadline.now()
    /// Jobs run before the loop gets to look at its sockets again.
    private static let budget = 256
    /// And how long they may take together, about. 1 ms.
    private static let timeBudget = TimeAmount.milliseconds(1)

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// What the loop is in, for the watchdog: two looks that see one busy number see one burst. From any thread.
    var activity: (number: UInt64, isBusy: Bool) {
        let number = activityNumber.load(ordering: .relaxed)
        return (number, number & 1 == 1)
    }

    /// The command whose handler ran last. From any thread.
    var runningCommand: String { CommandNumbers.name(runningNumber.load(ordering: .relaxed)) }

    /// On the loop: a handler of the command with that number begins.
    func handlerBegins(_ number: Int) { runningNumber.store(number, ordering: .relaxed) }

    private func setBusy(_ isBusy: Bool) {
        let number = activityNumber.load(ordering: .relaxed)
        if (number & 1 == 1) != isBusy { activityNumber.store(number &+ 1, ordering: .relaxed) }
    }

    /// Takes a job, from any thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if eventLoop.inEventLoop {
            queue.append(job)
            scheduleIfNeeded()
            return
        }
        let isFirst = inbox.withLockedValue { inbox in
            inbox.append(job)
            return inbox.count == 1
        }
        if isFirst { eventLoop.execute { self.drainInbox() } }
    }

    private func drainInbox() {
        let jobs = inbox.withLockedValue { inbox in
            let jobs = inbox
            inbox = []
            return jobs
        }
        queue.append(contentsOf: jobs)
        drain()
    }

    /// Goes on on the loop. Tasks come back to it by their executor preference; one that did not is brought back.
    package func comeBack() async {
        if eventLoop.inEventLoop { return }
        await withCheckedContinuation { continuation in eventLoop.execute { continuation.resume() } }
    }

    /// On the loop: bytes are about to be read; ``endBurst()`` or ``drain()`` follows, so nothing needs to be scheduled until
    /// then.
    package func beginBurst() {
        if isInBurst { return }
        isInBurst = true
        setBusy(true)
        burst &+= 1
        burstBeganAt = .now()
    }

    /// On the loop: a connection has been read. What it caused is done when all that have something to read have been, so that
    /// what they cause together, such as messages on one connection, is sent together.
    package func endBurst() {
        if isScheduled { return }
        isScheduled = true
        eventLoop.execute { self.drain() }
    }

    /// On the loop: has `settle()` called at the end of the burst, or soon when there is none.
    package func settleLater(_ work: some LoopSettling) {
        unsettled.append(work)
        scheduleIfNeeded()
    }

    private func scheduleIfNeeded() {
        if isRunning || isScheduled || isInBurst { return }
        isScheduled = true
        eventLoop.execute { self.drain() }
    }

    /// On the loop: runs what is ready, and what that makes ready, then settles.
    package func drain() {
        isScheduled = false
        isInBurst = false
        if isRunning { return }
        isRunning = true
        setBusy(true)
        var budget = Self.budget
        let end = NIODeadline.now() + Self.timeBudget
        repeat {
            while !queue.isEmpty, budget > 0 {
                swap(&queue, &running)
                var done = 0
                for job in running {
                    job.runSynchronously(on: asUnownedTaskExecutor())
                    done += 1
                    // The clock costs little, and jobs may take long.
                    if done & 7 == 0, NIODeadline.now() > end { break }
                }
                budget = done < running.count ? 0 : budget - done
                // What there is no time for is next, before what it would have made ready.
                if done < running.count { queue.insert(contentsOf: running[done...], at: 0) }
                running.removeAll(keepingCapacity: true)
            }
            let work = unsettled
            unsettled.removeAll(keepingCapacity: true)
            for item in work { item.settle() }
        } while (!queue.isEmpty || !unsettled.isEmpty) && budget > 0
        isRunning = false
        setBusy(false)
        burst &+= 1
        if !queue.isEmpty || !unsettled.isEmpty { scheduleIfNeeded() }
    }
}
