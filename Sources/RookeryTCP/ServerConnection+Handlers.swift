import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire

// Queueing of messages, and the tasks that run their handlers.
extension ServerConnection {
    /// How many messages wait for the end of the read burst at most.
    private static let queueLimit = 128

    func enqueue(_ request: ServerRequest) {
        inFlight += 1
        shared.metrics?.began()
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
            // Sending may have closed the channel; then no end of the burst follows.
            if takesMessages { executor.beginBurst() }
        }
    }

    /// The next message to handle; nil if there is none, or while the peer has to take answers first.
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

    /// Removes messages that tasks have taken from the queue. Removing many at a time makes each cheap and bounds the
    /// queue.
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

    /// Has the queued messages handled: by a parked task, which resumes when the executor runs it, or by new tasks.
    func handleQueued() {
        while firstQueued < queue.count, !isFull {
            if let task = parked.popLast() {
                executor.parkedTasks -= 1
                task.wake()
                // If that task suspends at its first message, another task handles the rest.
                return settleSoon()
            }
            HandlerTask.start(self)
        }
    }

    /// How many tasks of a connection stay parked at most, and how many of all connections of an event loop.
    private static let parkedLimit = (connection: 64, loop: 2048)

    /// Parks a task that has nothing to do. Returns false if the task should end instead.
    func park(_ task: HandlerTask) -> Bool {
        // The second half of the loop's places is for connections with few tasks, so that no peer takes them all.
        let limit = executor.parkedTasks < Self.parkedLimit.loop / 2 ? Self.parkedLimit.connection : 1
        guard takesMessages, parked.count < limit, executor.parkedTasks < Self.parkedLimit.loop else { return false }
        executor.parkedTasks += 1
        parked.append(task)
        return true
    }

    func began(_ task: HandlerTask) { tasks[ObjectIdentifier(task)] = task }
    func ended(_ task: HandlerTask) { tasks[ObjectIdentifier(task)] = nil }

    /// Ends the handling of a message whose handler has returned.
    func returned(_ request: ServerRequest) {
        request.handlerReturned()
        shared.metrics?.record(
            request.entry.command.pattern, of: request.entry.command, request.outcome,
            took: NIODeadline.now().since(request.cameAt))
        // A slow peer does not make the command slow, so the permit goes back before a postponed answer is written.
        leaveGate(request)
        // A message with a postponed answer is finished once that is written.
        if !request.isPostponed { finished(request) }
    }

    /// Finishes a message: returns its memory and its permit.
    func finished(_ request: ServerRequest) {
        if !creditTakers.isEmpty, case .binary(let id, _) = request.sender { creditTakers[id] = nil }
        if let receiver = request.receiver, case .binary(let id, _) = request.sender {
            discardClientStream(receiver, id)
        }
        inFlight -= 1
        shared.metrics?.ended()
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

    /// Drops requests whose handlers have not begun, and cancels those that run, because the channel has closed.
    /// Handlers of events run on: their senders wait for no answer.
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
        executor.parkedTasks -= parked.count
        parked = []
        for task in Array(tasks.values) where !(task.current?.isEvent ?? false) { task.cancel() }
    }

    /// Ends streams. A request whose client stream has not ended can get no more of it when the client is abandoned, and is
    /// drained like any other request when the server leaves.
    func endStreams(abandoning: Bool, where isMeant: (ServerRequest) -> Bool = { _ in true }) {
        for task in Array(tasks.values) {
            guard let request = task.current, isMeant(request) else { continue }
            guard request.entry.command.kind == .stream || abandoning && awaitsClient(request) else { continue }
            if abandoning { request.abandon() }
            task.cancel()
        }
    }

    /// Whether the end of the request's client stream has not come.
    private func awaitsClient(_ request: ServerRequest) -> Bool {
        guard let receiver = request.receiver, case .binary(let id, _) = request.sender else { return false }
        return clientStreams[id] === receiver
    }

    /// Whether the connection cancelled the request's handler.
    func isCancelling(_ request: ServerRequest) -> Bool {
        tasks.values.contains { $0.isCancelled && $0.current === request }
    }

    /// Handles the cancel of a call: cancels its handler, or keeps it from starting.
    func cancel(_ id: UInt64) {
        func isMeant(_ request: ServerRequest) -> Bool {
            if case .binary(id, _) = request.sender { true } else { false }
        }
        if let queued = queue[firstQueued...].first(where: isMeant) { return queued.abandon() }
        if let awaiting = awaiting.values.first(where: isMeant) { return giveUpTurn(awaiting) { $0.abandon() } }
        guard let task = tasks.values.first(where: { $0.current.map(isMeant) ?? false }) else {
            // Another thread still inflates its message. Without its client stream, the handler ends by itself.
            return endClientStream(id, CancellationError())
        }
        task.current?.abandon()
        task.cancel()
    }

    func takesCredit(_ request: ServerRequest, _ id: UInt64) { creditTakers[id] = request }

    /// Holds a stream's value back until the burst ends, in case the stream ends in the same burst.
    func hold(_ request: ServerRequest) {
        holding.append(request)
        settleSoon()
    }
}
