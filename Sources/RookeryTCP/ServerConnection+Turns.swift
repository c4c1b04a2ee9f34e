import CoreMetrics
import NIOCore
import RookeryCore
import RookeryResilience

// Messages whose command has as many in hand as it takes: each peer's turn comes, whatever the others send.
extension ServerConnection {
    /// Whether a request's handler may begin; if not it waits for its turn, or was refused.
    func mayBegin(_ request: ServerRequest) -> Bool {
        // A stream is there for as long as somebody listens, and an event cannot be refused: neither waits for a turn.
        !request.isShed || request.isAbandoned || request.hasPlaceSince != nil || enterGate(request)
    }

    private func enterGate(_ request: ServerRequest) -> Bool {
        let admission = shared.loads[request.entry.position].enter(entry.peer.address) {
            Criticality(of: request.metadata)
        } _: {
            wait(for: request)
        }
        switch admission {
        case .wouldRefuse:
            shared.counters.wouldShed.increment()
            fallthrough
        case .admitted:
            request.hasPlaceSince = request.burst == executor.burst ? request.cameAt : .now()
            return true
        case .waits: return false
        case .refused:
            // It may have waited already, for a place to wait.
            forgetTurn(request)
            refuseShed(request)
            return false
        }
    }

    private func wait(for request: ServerRequest) -> Turn {
        let turn = Turn { came in
            self.executor.eventLoop.execute { self.turnEnded(request, came: came) }
        }
        let until = NIODeadline.now() + TimeAmount(shared.configuration.shedding.patience)
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
    private func turnEnded(_ request: ServerRequest, came: Bool) {
        forgetTurn(request)
        if !came {
            refuseShed(request)
        } else {
            request.hasPlaceSince = .now()
            if case .closed = state { return finished(request) }
            // Its peer takes no answers meanwhile: others go before it.
            if isFull { leaveGate(request) }
            queue.append(request)
        }
        settleSoon()
    }

    /// A request's handler has returned, or will not begin.
    func leaveGate(_ request: ServerRequest) {
        guard let since = request.hasPlaceSince else { return }
        request.hasPlaceSince = nil
        let gate = shared.loads[request.entry.position]
        // Done at once: its time says nothing, and is not worth a look at the clock.
        if request.burst == executor.burst { return gate.leave(after: nil, at: .now()) }
        gate.noteWaited()
        let now = NIODeadline.now()
        gate.leave(after: now.since(since), at: now)
    }

    /// Takes a request out of the line; `body` tells its caller. On the loop.
    func giveUpTurn(_ request: ServerRequest, _ body: (ServerRequest) -> Void) {
        body(request)
        // Its turn has come meanwhile, and is on its way here: then it is dropped there.
        guard request.turn?.turn.giveUp() ?? false else { return }
        forgetTurn(request)
        finished(request)
    }

    /// The channel is gone.
    func giveUpTurns() {
        for request in Array(awaiting.values) { giveUpTurn(request) { $0.abandon() } }
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
                giveUpTurn(request) { $0.refuse(refused($0.entry, .shed, shared.counters.shed)) }
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
        self = metadata[MessageContext.criticalityKey].flatMap { Criticality(rawValue: $0) } ?? .default
    }
}
