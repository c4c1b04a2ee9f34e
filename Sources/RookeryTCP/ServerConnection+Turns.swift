import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies

// Requests that wait at their command's `LoadGate` until their turn comes, their patience ends or their deadline
// passes.
extension ServerConnection {
    /// Whether a request's handler may begin. If not, the request waits for its turn or was refused.
    func mayBegin(_ request: ServerRequest) -> Bool {
        // Streams and events do not wait for turns. A stream lasts as long as its reader listens, and an event cannot
        // be refused.
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
            shared.counters.count(.wouldShed)
            request.permit = (permit, .now())
            return true
        case .admitted(let permit):
            request.permit = (permit, request.burst == executor.burst ? request.cameAt : .now())
            return true
        case .waits: return false
        case .refused:
            // If the gate's queue was full, it did not take the turn that `wait(for:)` made.
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
        request.refuse(refused(request.entry, .shed, .shed))
        finished(request)
    }

    /// Handles the end of a request's turn: the turn came, or the gate took it away. On the loop.
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

    /// Returns the permits of requests that cannot begin, because their peer takes no answers. They wait for the peer,
    /// and then for their turn again.
    func returnPermits() {
        guard isFull else { return }
        for request in queue[firstQueued...] { leaveGate(request) }
    }

    /// Returns a request's permit, because its handler has returned or will not begin.
    func leaveGate(_ request: ServerRequest) {
        guard let (permit, since) = request.permit else { return }
        request.permit = nil
        let gate = shared.loads[request.entry.position]
        // A handler that returned in the same burst, or never began, gives no latency worth reading the clock for.
        if request.burst == executor.burst || !request.hasBegun { return gate.leave(permit, after: nil, at: .now()) }
        gate.noteWaited()
        let now = NIODeadline.now()
        gate.leave(permit, after: now.since(since), hasFailed: request.hasFailed || request.isAbandoned, at: now)
    }

    /// Gives up a request's turn. `body` notifies the caller first. On the loop.
    func giveUpTurn(_ request: ServerRequest, _ body: (ServerRequest) -> Void) {
        body(request)
        // If the turn has come meanwhile, `turnEnded` runs soon, and the request is dropped then.
        guard let turn = request.turn?.turn, turn.giveUp() == .givenUp else { return }
        forgetTurn(request)
        finished(request)
    }

    /// Gives up the turns of requests, because the channel has closed.
    func giveUpTurns() {
        for request in Array(awaiting.values) where !request.isEvent { giveUpTurn(request) { $0.abandon() } }
    }

    /// Ends the waiting requests whose deadline or patience is over. Returns when to check again.
    func turnsPassed(_ now: NIODeadline) -> NIODeadline {
        if awaiting.isEmpty { return .distantFuture }
        for gate in Set(awaiting.values.map(\.entry.position)) { shared.loads[gate].press(at: now) }
        var next = now + TimeAmount(shared.configuration.shedding.window)
        for request in Array(awaiting.values) where !request.isAbandoned {
            guard let until = request.turn?.until else { continue }
            if let deadline = request.deadline, deadline <= now {
                giveUpTurn(request) { $0.expire() }
            } else if until <= now {
                // A request whose turn has just come is not refused.
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
    /// Reads the criticality from a message's metadata; `default` if the metadata states none.
    init(of metadata: [String: String]) {
        self = metadata[MetadataName.criticality].flatMap { Criticality(name: $0) } ?? .default
    }
}
