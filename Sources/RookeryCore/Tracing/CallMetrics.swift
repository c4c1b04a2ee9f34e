import CoreMetrics
import NIOCore
import Synchronization

/// Records the calls of a destination or of a server: how long they took, by command and outcome
/// (`rpc.client.call.duration`, `rpc.server.call.duration`), and how many are in flight (`rpc.client.active_calls`,
/// `rpc.server.active_calls`).
///
/// It exists only if a metrics backend is bootstrapped, so calls cost nothing without one. Labels are the patterns of
/// declared commands and of a server's routes, and codes of the command or of the toolkit. Any other value becomes
/// `_OTHER`, because a peer could choose it.
package final class CallMetrics: Sendable {
    private struct Key: Hashable {
        let method: String
        let code: String?
        let isFailure: Bool
    }

    private let factory: any MetricsFactory
    private let label: String
    private let dimensions: [(String, String)]
    private let timers = Mutex<[Key: Timer]>([:])
    private let active: Meter

    /// Creates the metrics of the calls to a destination. Nil if there is no backend.
    convenience init?(destination: String?) {
        self.init("rpc.client", destination.map { [("destination", $0)] } ?? [])
    }

    /// Creates the metrics of the messages that a server handles. Nil if there is no backend.
    package convenience init?(service: String) {
        self.init("rpc.server", [("service", service)])
    }

    private init?(_ side: String, _ dimensions: [(String, String)]) {
        factory = MetricsSystem.factory
        if factory is NOOPMetricsHandler { return nil }
        label = side + ".call.duration"
        self.dimensions = [("rpc.system.name", "nestjs")] + dimensions
        active = Meter(label: side + ".active_calls", dimensions: self.dimensions, factory: factory)
    }

    /// Counts a call in flight.
    package func began() { active.increment() }

    /// Counts a call in flight no longer.
    package func ended() { active.decrement() }

    /// Records how long a call took. `pattern` is nil if a peer or a caller may have chosen any.
    package func record(_ pattern: Pattern?, of command: Command, _ outcome: CallOutcome, took time: Duration) {
        let key = Key(
            method: pattern?.route ?? Self.other,
            code: outcome.code.map { Self.isKnown($0, command) ? $0 : Self.other }, isFailure: outcome.isFailure)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            var dimensions = dimensions + [("rpc.method", key.method)]
            if let code = key.code { dimensions.append(("rpc.status_code", code)) }
            if key.isFailure, let code = key.code { dimensions.append(("error.type", code)) }
            let timer = Timer(
                label: label, dimensions: dimensions, preferredDisplayUnit: .seconds, factory: factory)
            timers[key] = timer
            return timer
        }
        let (seconds, attoseconds) = time.components
        timer.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private static let other = "_OTHER"

    private static func isKnown(_ code: String, _ command: Command) -> Bool {
        let remote = RemoteError.Code(code)
        return RemoteError.Code.ofToolkit.contains(remote) || command.errors?.contains(remote) ?? false
            || CallError.Code.names.contains(code) || code == "cancelled"
    }
}
