import CoreMetrics
import NIOCore
import Synchronization

/// Records the duration of calls by command and outcome: `rpc.client.call.duration` and `rpc.server.call.duration`.
///
/// It exists only if a metrics backend is bootstrapped, so calls cost nothing without one. Labels are the patterns of
/// declared commands, and codes of the command or of the toolkit. Any other value becomes `_OTHER`, because a peer
/// could choose it.
package final class CallMetrics: Sendable {
    private struct Key: Hashable {
        let method: String
        let code: String?
        let isFailure: Bool
    }

    private let label: String
    private let dimensions: [(String, String)]
    private let timers = Mutex<[Key: Timer]>([:])

    /// Creates the metrics. Nil if there is no backend.
    package init?(_ label: String, _ dimensions: [(String, String)]) {
        if MetricsSystem.factory is NOOPMetricsHandler { return nil }
        self.label = label
        self.dimensions = [("rpc.system.name", "nestjs")] + dimensions
    }

    /// Records a call that has ended.
    package func record(_ command: Command, _ outcome: CallOutcome, took time: Duration) {
        let key = Key(
            method: command.contract == nil ? Self.other : command.pattern.route,
            code: outcome.code.map { Self.isKnown($0, command) ? $0 : Self.other }, isFailure: outcome.isFailure)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            var dimensions = dimensions + [("rpc.method", key.method)]
            if let code = key.code { dimensions.append(("rpc.status_code", code)) }
            if key.isFailure, let code = key.code { dimensions.append(("error.type", code)) }
            let timer = Timer(label: label, dimensions: dimensions)
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
