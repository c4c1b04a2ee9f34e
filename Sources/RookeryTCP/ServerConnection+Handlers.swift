import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire

// Messages on their way to their handlers, and the tasks these run in.
extension ServerConnection {
    /// Messages that wait for the end of the read burst.
    private static let queueLimit = 128

    func enqueue(_ request: ServerRequest) {
        inFlight += 1
        if request.isStream { streams += 1 }
        entry.setBusy(true)
        memory.keep(request.size, shared.memory, entry.peer)
        lastMessageAt = request.cameAt
        entry.messageCame(at: request.cameAt)
        if let deadline = request.deadline, deadline < nextDeadline { watchDeadlines(from: deadline) }
        settleSoon()
        queue.append(request)
        if queue.count - firstQueued >= Self.queueLimit {
            handleQueued()
            executor.drain()
            // What was just sent may have closed the channel; then no end of the burst will be told.
            if takesMessages { executor.beginBurst() }
        }
    }

    /// The message that is next to be handled; nil while the peer has to take answers first.
    func nextRequest() -> ServerRequest? {
        while firstQueued < queue.count {
            if isFull { return nil }
            firstQueued += 1
            let request = queue[firstQueued - 1]
            forgetHandled()
            if mayBegin(request) { return request }
        }
        return nil
    }

    /// Lets go of what has been handed out: now and then, so that each costs little, and what is kept is bounded.
    private func forgetHandled() {
        if firstQueued == queue.count {
            queue.removeAll(keepingCapacity: queue.count <= Self.queueLimit)
        } else if firstQueued >= 64, 2 * firstQueued >= queue.count {
            queue.removeFirst(firstQueued)
        } else {
            return
        }
        firstQueued = 0
    }

    /// Has the queued messages handled: by a parked task, which begins when the executor comes to it, or by new ones.
    func handleQueued() {
        while firstQueued < queue.count, !isFull {
            if let task = parked.popLast() {
                task.wake()
                // Should it wait at its first message, another task sees to the others.
                return settleSoon()
            }
            HandlerTask.start(self)
        }
    }

    /// Parked tasks that are kept.
    private static let parkedLimit = 16

    /// Whether a task that has nothing to do should wait for more.
    func park(_ task: HandlerTask) -> Bool {
        guard takesMessages, parked.count < Self.parkedLimit else { return false }
        parked.append(task)
        return true
    }

    func began(_ task: HandlerTask) { tasks[ObjectIdentifier(task)] = task }
    func ended(_ task: HandlerTask) { tasks[ObjectIdentifier(task)] = nil }

    /// A message's handler has returned.
    func returned(_ request: ServerRequest) {
        request.handlerReturned()
        shared.metrics?.record(
            request.entry.command, request.outcome, took: NIODeadline.now().since(request.cameAt))
        // What its peer does not take is not the command's to wait for.
        leaveGate(request)
        // One whose answer waits for room is done when that has been written.
        if !request.isPostponed { finished(request) }
    }

    /// A message is done with.
    func finished(_ request: ServerRequest) {
        if !creditTakers.isEmpty, case .binary(let id, _) = request.sender { creditTakers[id] = nil }
        inFlight -= 1
        if request.isStream { streams -= 1 }
        memory.keep(-request.size, shared.memory, entry.peer)
        leaveGate(request)
        guard inFlight == 0 else { return }
        entry.setBusy(false)
        switch state {
        case .closing: settleSoon()
        case .closed: endIfDone()
        case .open, .leaving: break
        }
    }

    /// The channel is gone: requests whose handlers have not begun are dropped, and those that run are cancelled. Events
    /// run on, because their senders wait for nothing and have left them to us.
    func dropUnanswerable() {
        let waiting = queue[firstQueued...]
        queue = waiting.filter(\.isEvent)
        firstQueued = 0
        for request in waiting where !request.isEvent { finished(request) }
        giveUpTurns()
        let postponed = self.postponed
        self.postponed = []
        for reply in postponed { finished(reply.request) }
        // Cancelled tasks handle nothing more.
        parked = []
        for task in Array(tasks.values) where !(task.current?.isEvent ?? false) { task.cancel() }
    }

    func endStreams(abandoning: Bool) {
        for task in Array(tasks.values) {
            guard let request = task.current, request.isStream else { continue }
            if abandoning { request.abandon() }
            task.cancel()
        }
    }

    /// Whether a handler was cancelled from here, and not by itself.
    func isCancelling(_ request: ServerRequest) -> Bool {
        tasks.values.contains { $0.isCancelled && $0.current === request }
    }

    /// The caller of that call does not wait any longer: its handler is cancelled, or never begins.
    func cancel(_ id: UInt64) {
        func isMeant(_ request: ServerRequest) -> Bool {
            if case .binary(id, _) = request.sender { true } else { false }
        }
        if let queued = queue[firstQueued...].first(where: isMeant) { return queued.abandon() }
        if let awaiting = awaiting.values.first(where: isMeant) { return giveUpTurn(awaiting) { $0.abandon() } }
        guard let task = tasks.values.first(where: { $0.current.map(isMeant) ?? false }) else { return }
        task.current?.abandon()
        task.cancel()
    }

    func takesCredit(_ request: ServerRequest, _ id: UInt64) { creditTakers[id] = request }

    /// A stream's value is held back until the burst ends, in case its end comes first.
    func hold(_ request: ServerRequest) {
        holding.append(request)
        settleSoon()
    }
}
