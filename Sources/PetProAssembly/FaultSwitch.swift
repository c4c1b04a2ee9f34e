package import Logging
package import PetProContracts
package import Rookery
package import RookeryTCP
package import ServiceLifecycle
import Synchronization

/// Has the handlers of an instance misbehave, when someone asks for it in demo mode.
package final class FaultSwitch: Interceptor, FaultAPI {
    private struct State {
        var fault: SetFault?
        var until: ContinuousClock.Instant = .now
        var count = 0
    }

    private let state = Mutex(State())
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> ContinuousClock.Instant
    private let kills: AsyncStream<Duration>
    private let killed: AsyncStream<Duration>.Continuation

    /// Makes a switch of an instance that behaves.
    package init(
        clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.clock = clock
        self.now = now
        (kills, killed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func setFault(_ request: SetFault) async throws -> SetFault {
        state.withLock { state in
            state.fault = request.kind == .none ? nil : request
            state.until = now() + .seconds(request.seconds)
            state.count = 0
        }
        if request.kind == .kill { killed.yield(.seconds(request.seconds)) }
        return request
    }

    package func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        let (fault, left, isSecond) = state.withLock { state -> (SetFault?, Duration, Bool) in
            let left = now().duration(to: state.until)
            guard left > .zero, let fault = state.fault else { return (nil, .zero, false) }
            state.count += 1
            return (fault, left, state.count.isMultiple(of: 2))
        }
        switch fault?.kind {
        case .delay: try await clock.sleep(for: min(left, .milliseconds(fault?.milliseconds ?? 0)))
        case .freeze: try await clock.sleep(for: left)
        case .drop where isSecond:
            try await clock.sleep(for: left)
            throw CancellationError()
        default: break
        }
        return try await next(call)
    }

    /// Ends the connections of `server` when the instance is to be killed, and lets it come back.
    package func playing(_ server: RookeryServer, logger: Logger) -> any Service {
        FaultPlayer(kills: kills, clock: clock, server: server, logger: logger)
    }
}

/// Ends the connections of a server, and lets it come back.
private struct FaultPlayer: Service {
    let kills: AsyncStream<Duration>
    let clock: any Clock<Duration>
    let server: RookeryServer
    let logger: Logger

    /// The answer to the command goes out before the end.
    private static let grace: Duration = .milliseconds(100)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await length in kills {
                // A cancellation ends the sleeps, and then the loop.
                try? await clock.sleep(for: Self.grace)
                // A stop lets requests under way end.
                if Task.isCancelled { return }
                await server.playDead()
                try? await clock.sleep(for: length)
                while !Task.isCancelled {
                    do {
                        try await server.comeBack()
                        break
                    } catch {
                        logger.error("the instance cannot listen again", metadata: ["error": "\(error)"])
                        try? await clock.sleep(for: .seconds(1))
                    }
                }
            }
        }
    }
}
