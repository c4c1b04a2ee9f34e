package import NIOCore
package import RookeryCore
import RookeryWire
package import RookeryPolicies

extension LoadGate {
    /// Runs `body` once `peer` has a permit. Throws `RemoteError.shed` when no permit was free for
    /// ``AdaptiveLimit/Configuration/patience``, or at once when the queue is full. Throws `CancellationError` when the task
    /// is cancelled while it waits.
    ///
    /// `sleep` and `now` replace the clock in tests.
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
        // Made only for one that has to wait.
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
                    // Ended early only by cancellation, which ends the loop.
                    try? await sleep(min(left, self.window))
                    left -= self.window
                    self.press(at: .now())
                }
            }
            await group.next()
            group.cancelAll()
        }
        // Its turn may have come in the moment in which it was given up.
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
    /// One more message of a command than can be handled; a retry comes at a time of its own.
    package static var shed: RemoteError {
        RemoteError(
            .overloaded, "The service has too much to do.",
            details: ["retryAfterMs": .int(Int64.random(in: 100...300))])
    }
}
