package import NIOCore
package import RookeryCore
import RookeryWire

extension LoadGate {
    /// Runs `body` when there is a place for one more of a peer's, which may be after others'. Throws an overload when there
    /// was none for ``AdaptiveLimit/Configuration/patience``, and `CancellationError` when the task is cancelled before.
    ///
    /// `sleep` waits for that time.
    package func admitting<Result>(
        _ peer: String, sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        now: () -> NIODeadline = { .now() }, _ body: () async throws -> Result
    ) async throws -> Result {
        try await place(peer, sleep)
        let began = now()
        defer {
            let ended = now()
            leave(after: ended.since(began), at: ended)
        }
        return try await body()
    }

    private func place(_ peer: String, _ sleep: @escaping @Sendable (Duration) async throws -> Void) async throws {
        let (turns, told) = AsyncStream.makeStream(of: Bool.self)
        let turn = Turn { came in
            told.yield(came)
            told.finish()
        }
        switch enter(peer, { .default }, { turn }) {
        case .admitted, .wouldRefuse: return
        case .refused: throw RemoteError.shed
        case .waits: break
        }
        let came = await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                for await came in turns { return came }
                return nil
            }
            group.addTask {
                var left = self.patience
                while left > .zero, !Task.isCancelled {
                    // Ended early only by cancellation, which ends the loop.
                    try? await sleep(min(left, self.window))
                    left -= self.window
                    self.press(at: .now())
                }
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        // Its turn may have come in the moment in which it was given up.
        let hasPlace = came ?? !turn.giveUp()
        if Task.isCancelled {
            if hasPlace { leave(after: nil, at: .now()) }
            throw CancellationError()
        }
        if !hasPlace { throw RemoteError.shed }
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
