import NIOConcurrencyHelpers
package import NIOCore
import RookeryCore
import RookeryWire
import Synchronization

/// Runs the tasks of an event loop's connections on that loop, so that handling a message needs no thread switch.
///
/// The executor has its own run queue. Jobs that become ready while bytes are read run when the read burst ends,
/// without a lock and without waking the loop. Afterwards the connections flush, once, what those jobs wrote.
///
/// Between two polls of the loop's sockets, jobs run for about 1 ms. The rest of them wait for the next poll, so that no
/// connection with much to do keeps the loop from reading another one.
package final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    // `@unchecked Sendable`: all mutable state below except `inbox` and the atomics is confined to the event loop.

    /// The event loop.
    package let eventLoop: any EventLoop
    /// The compressor that the loop's connections share.
    let compression = Compression()
    private let inbox = NIOLockedValueBox<[UnownedJob]>([])
    private var queue: [UnownedJob] = []
    private var running: [UnownedJob] = []
    private var unsettled: [any LoopSettling] = []
    /// Handler tasks of the loop's connections that wait for a message.
    var parkedTasks = 0
    private var isRunning = false
    private var isScheduled = false
    private var isInBurst = false
    /// How long jobs have run since the loop last polled.
    private var spent = TimeAmount.zero
    /// Whether jobs wait for the loop's next poll. On the loop.
    package private(set) var isBehind = false
    private var notice: PollNotice?
    /// How many jobs have run.
    private var ran: UInt64 = 0
    /// What to call once that many jobs have run, in ascending order.
    private var marks: CircularBuffer<(ran: UInt64, done: () -> Void)> = []
    /// Odd while the loop is busy, and increased with each change. The watchdog reads it.
    private let activityNumber = Atomic<UInt64>(0)
    private let runningNumber = Atomic<Int>(0)
    /// The number of the burst: it tells what runs in one burst from what runs later.
    private(set) var burst: UInt64 = 0
    /// When the last burst began.
    private(set) var burstBeganAt = NIODeadline.now()
    /// How many jobs run in one go.
    private static let budget = 256
    /// About how long jobs may run before the loop polls its sockets again: 1 ms.
    private static let timeBudget = TimeAmount.milliseconds(1)

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// The activity number, and whether the loop is busy, for the watchdog. Two reads of the same busy number saw the
    /// same burst. From any thread.
    var activity: (number: UInt64, isBusy: Bool) {
        let number = activityNumber.load(ordering: .relaxed)
        return (number, number & 1 == 1)
    }

    /// The command whose handler began last. From any thread.
    var runningCommand: String { CommandNumbers.name(runningNumber.load(ordering: .relaxed)) }

    /// Notes that a handler of the command with this number begins. On the loop.
    func handlerBegins(_ number: Int) { runningNumber.store(number, ordering: .relaxed) }

    private func setBusy(_ isBusy: Bool) {
        let number = activityNumber.load(ordering: .relaxed)
        if (number & 1 == 1) != isBusy { activityNumber.store(number &+ 1, ordering: .relaxed) }
    }

    /// Enqueues a job. From any thread.
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

    /// Resumes the calling task on the loop. Tasks return to it by their executor preference; this brings back a task
    /// that did not.
    package func comeBack() async {
        if eventLoop.inEventLoop { return }
        await withCheckedContinuation { continuation in eventLoop.execute { continuation.resume() } }
    }

    /// Begins a burst for bytes that the loop has just read. On the loop, and only when it has polled. The rest is as with
    /// ``beginBurst()``.
    package func readBegan() {
        spent = .zero
        beginBurst()
    }

    /// Begins a burst, before bytes are read. On the loop. The caller must call ``endBurst()`` or ``drain()``
    /// afterwards, so the executor schedules nothing until then.
    package func beginBurst() {
        if isInBurst { return }
        isInBurst = true
        setBusy(true)
        burst &+= 1
        burstBeganAt = .now()
    }

    /// Ends the reading of a connection. On the loop. The executor drains after all readable connections have been
    /// read, so that what they cause together is sent together, such as messages on one connection.
    package func endBurst() {
        if isScheduled { return }
        isScheduled = true
        eventLoop.execute { self.drain() }
    }

    /// Calls `settle()` of `work` at the end of the burst, or soon if there is no burst. On the loop.
    package func settleLater(_ work: some LoopSettling) {
        unsettled.append(work)
        scheduleIfNeeded()
    }

    private func scheduleIfNeeded() {
        if isRunning || isScheduled || isInBurst || isBehind { return }
        isScheduled = true
        eventLoop.execute { self.drain() }
    }

    /// Runs the ready jobs and the jobs that these make ready, then settles. On the loop. After 256 jobs, or when jobs have
    /// run for about 1 ms since the last poll, it continues once the loop has polled its sockets.
    package func drain() {
        isScheduled = false
        isInBurst = false
        if isRunning { return }
        if !isBehind, spent >= Self.timeBudget, !queue.isEmpty || !unsettled.isEmpty { waitForPoll() }
        if isBehind { return setBusy(false) }
        isRunning = true
        setBusy(true)
        var budget = Self.budget
        let began = NIODeadline.now()
        let end = began + Self.timeBudget - spent
        repeat {
            while !queue.isEmpty, budget > 0 {
                swap(&queue, &running)
                var done = 0
                for job in running {
                    job.runSynchronously(on: asUnownedTaskExecutor())
                    done += 1
                    ran &+= 1
                    // Jobs may take long, so the clock is read after every 8 of them.
                    if done & 7 == 0, NIODeadline.now() > end { break }
                }
                budget = done < running.count ? 0 : budget - done
                // Jobs without time left go first the next time, before the jobs that the others made ready.
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
        spent = spent + (NIODeadline.now() - began)
        passMarks()
        if !queue.isEmpty || !unsettled.isEmpty { waitForPoll() }
    }

    /// Drains, and calls `done` once the jobs that are ready now have run. On the loop.
    package func drain(then done: @escaping () -> Void) {
        marks.append((ran &+ UInt64(queue.count), done))
        drain()
        passMarks()
    }

    private func passMarks() {
        while let first = marks.first, first.ran <= ran { marks.removeFirst().done() }
    }

    private func waitForPoll() {
        isBehind = true
        let notice =
            notice
            ?? PollNotice(eventLoop) { [weak self] in
                self?.isBehind = false
                self?.spent = .zero
                // Not at once: the loop first reads its other sockets.
                self?.scheduleIfNeeded()
            }
        self.notice = notice
        notice.request()
    }
}
