package import NIOCore
package import RookeryCore
import RookeryWire
package import RookeryPolicies

extension LoadGate {
    /// Runs `body` once `peer` has a permit.
    ///
    /// Throws `RemoteError.shed` if no permit is free within ``LoadGate/patience``, or at once if the queue is full.
    /// Also throws it when a message of another peer takes the place in the queue. Throws `CancellationError` if the
    /// task is cancelled while it waits. `sleep` and `now` replace the clock in tests.
    package func admitting<Result>(
        _ peer: String, sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        now: () -> NIODeadline = { .now() }, _ body: () async throws -> Result
    ) async throws -> Result {
        let permit = try await acquirePermit(peer, sleep)
        let began = now()
        var hasFailed = true
        defer {
            let ended = now()
            leave(permit, after: ended.since(began), hasFailed: hasFailed, at: ended)
        }
        let result = try await body()
        hasFailed = false
        return result
    }

    private func acquirePermit(_ peer: String, _ sleep: @escaping @Sendable (Duration) async throws -> Void)
        async throws -> Permit
    {
        // Nil unless the message has to wait.
        var made: (turn: Turn, ends: AsyncStream<Turn.End>)?
        let admission = enter(peer, { .default }) {
            let (ends, told) = AsyncStream.makeStream(of: Turn.End.self)
            let turn = Turn { end in
                told.yield(end)
                told.finish()
            }
            made = (turn, ends)
            return turn
        }
        switch admission {
        case .admitted(let permit), .wouldRefuse(let permit): return permit
        case .refused: throw RemoteError.shed
        case .waits: break
        }
        guard let (turn, turns) = made else { throw RemoteError.shed }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in turns { break } }
            group.addTask {
                var left = self.patience
                while left > .zero, !Task.isCancelled {
                    // Only cancellation ends the sleep early, and it also ends the loop.
                    try? await sleep(min(left, self.window))
                    left -= self.window
                    self.press(at: .now())
                }
            }
            await group.next()
            group.cancelAll()
        }
        // The turn may have come just before this task gives it up.
        let hasCome = turn.giveUp() == .came
        if Task.isCancelled {
            if hasCome { leave(.ordinary, after: nil, at: .now()) }
            throw CancellationError()
        }
        if !hasCome { throw RemoteError.shed }
        return .ordinary
    }
}

extension RemoteError {
    /// The refusal of a message over the limit of its command.
    ///
    /// `retryAfterMs` is random, from 100 to 300 ms, so that retries do not all arrive at the same moment.
    package static var shed: RemoteError {
        RemoteError(
            .overloaded, "The service has too much to do.",
            details: ["retryAfterMs": .int(Int64.random(in: 100...300))])
    }
}
