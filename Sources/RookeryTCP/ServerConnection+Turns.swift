import CoreMetrics
import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies

// Requests that wait at their command's `LoadGate`, until their turn comes, their patience ends or their deadline passes.
extension ServerConnection {
    /// Whether a request's handler may begin; if not it waits for its turn, or was refused.
    func mayBegin(_ request: ServerRequest) -> Bool {
        // A stream lasts as long as its reader listens, and an event cannot be refused: neither waits for a turn.
        !request.isShed || request.isAbandoned || request.permit != nil || enterGate(request)
    }

    private func enterGate(_ request: ServerRequest) -> Bool {
        let admission = shared.loads[request.entry.position].enter(entry.peer.address) {
            Criticality(of: request.metadata)
        } _: {
            wait(for: request)
        }
        switch admission {
        case .wouldRefuse(let permit):
            shared.counters.wouldShed.increment()
            request.permit = (permit, .now())
            return true
        case .admitted(let permit):
            request.permit = (permit, request.burst == executor.burst ? request.cameAt : .now())
            return true
        case .waits: return false
        case .refused:
            // The queue is full, and did not take the turn that was made for it.
            forgetTurn(request)
            refuseShed(request)
            return false
        }
    }

    private func wait(for request: ServerRequest) -> Turn {
        let turn = Turn { end in
            self.executor.eventLoop.execute { self.turnEnded(request, end) }
        }
        let until = NIODeadline.now() + TimeAmount(shared.loads[request.entry.position].patience)
        request.turn = (turn, until)
        awaiting[ObjectIdentifier(request)] = request
        let pressAt = min(until, NIODeadline.now() + TimeAmount(shared.configuration.shedding.window))
        if pressAt < nextDeadline { watchDeadlines(from: pressAt) }
        return turn
    }

    private func forgetTurn(_ request: ServerRequest) {
        request.turn = nil
        awaiting[ObjectIdentifier(request)] = nil
    }

    private func refuseShed(_ request: ServerRequest) {
        request.refuse(refused(request.entry, .shed, shared.counters.shed))
        finished(request)
    }

    /// A request's turn has come, or has been taken away. On the loop.
    private func turnEnded(_ request: ServerRequest, _ end: Turn.End) {
        forgetTurn(request)
        switch end {
        case .came:
            request.permit = (.ordinary, .now())
            if case .closed = state, !request.isEvent { return finished(request) }
            queue.append(request)
        case .takenAway, .givenUp: refuseShed(request)
        }
        settleSoon()
    }

    /// Gives back the permits of requests that cannot begin, because their peer takes no answers: they wait for the peer, and
    /// then for their turn again.
    func returnPermits() {
        guard isFull else { return }
        for request in queue[firstQueued...] { leaveGate(request) }
    }

    /// A request's handler has returned, or will not begin.
    func leaveGate(_ request: ServerRequest) {
        guard let (permit, since) = request.permit else { return }
        request.permit = nil
        let gate = shared.loads[request.entry.position]
        // Done at once: its time says nothing, and is not worth a look at the clock. Nor does that of what never began.
        if request.burst == executor.burst || !request.hasBegun { return gate.leave(permit, after: nil, at: .now()) }
        gate.noteWaited()
        let now = NIODeadline.now()
        gate.leave(permit, after: now.since(since), hasFailed: request.hasFailed || request.isAbandoned, at: now)
    }

    /// Takes a request out of the line; `body` tells its caller. On the loop.
    func giveUpTurn(_ request: ServerRequest, _ body: (ServerRequest) -> Void) {
        body(request)
        // Its turn has come meanwhile, and is on its way here: then it is dropped there.
        guard let turn = request.turn?.turn, turn.giveUp() == .givenUp else { return }
        forgetTurn(request)
        finished(request)
    }

    /// The channel is gone.
    func giveUpTurns() {
        for request in Array(awaiting.values) where !request.isEvent { giveUpTurn(request) { $0.abandon() } }
    }

    /// Tells those whose time is over; gives when to look again.
    func turnsPassed(_ now: NIODeadline) -> NIODeadline {
        if awaiting.isEmpty { return .distantFuture }
        for gate in Set(awaiting.values.map(\.entry.position)) { shared.loads[gate].press(at: now) }
        var next = now + TimeAmount(shared.configuration.shedding.window)
        for request in Array(awaiting.values) where !request.isAbandoned {
            guard let until = request.turn?.until else { continue }
            if let deadline = request.deadline, deadline <= now {
                giveUpTurn(request) { $0.expire() }
            } else if until <= now {
                // One whose turn has come in this moment is not refused.
                guard request.turn?.turn.giveUp() == .givenUp else { continue }
                forgetTurn(request)
                refuseShed(request)
            } else {
                next = min(next, until, request.deadline ?? until)
            }
        }
        return next
    }
}

extension Criticality {
    /// What a message's metadata says of it.
    init(of metadata: [String: String]) {
        self = metadata[MetadataName.criticality].flatMap { Criticality(name: $0) } ?? .default
    }
}
