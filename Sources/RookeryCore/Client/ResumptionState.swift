package import NIOCore
import RookeryWire

/// Decides whether a stream that broke is opened again, and after which cursor. A value: the time is a parameter.
package struct ResumptionState: Sendable {
    /// What to do about a broken stream.
    package enum Step: Sendable, Hashable {
        /// Open it again, after this cursor; nil for the beginning. `failures` are those in a row, this one included.
        case reopen(after: String?, failures: Int)
        /// Pass the error on.
        case fail
    }

    private let resumption: StreamResumption
    /// For how long the client tries to open the stream again, from its break to the next value.
    private let patience: Duration
    private var cursor: String?
    /// Whether values came since the last cursor, which would come again.
    private var hasLooseValues = false
    private var failures = 0
    private var brokenSince: NIODeadline?

    /// Starts before the first value.
    package init(_ resumption: StreamResumption, patience: Duration) {
        self.resumption = resumption
        self.patience = patience
    }

    /// Notes a value, with its cursor if it has one.
    package mutating func received(cursor: String?) {
        if let cursor { self.cursor = cursor }
        hasLooseValues = cursor == nil
        failures = 0
        brokenSince = nil
    }

    /// Notes an error in place of a value, and says what to do.
    package mutating func broke(_ error: any Error, at now: NIODeadline) -> Step {
        // A peer may ask for any time: one that is longer than the patience means never, as a negative one does.
        guard isTransient(error), !hasLooseValues, (.zero...patience).contains(Self.wait(askedBy: error)) else {
            return .fail
        }
        failures += 1
        let since = brokenSince ?? now
        brokenSince = since
        return now - since < TimeAmount(patience) ? .reopen(after: cursor, failures: failures) : .fail
    }

    /// How long the peer, or a breaker, asks to wait. Zero if it does not say.
    package static func wait(askedBy error: any Error) -> Duration {
        if let error = error as? CallError { return error.retryAfter ?? .zero }
        let milliseconds = (error as? RemoteError)?.details?["retryAfterMs"]?.intValue
        return milliseconds.map { .milliseconds($0) } ?? .zero
    }

    private func isTransient(_ error: any Error) -> Bool {
        switch error {
        case let error as CallError:
            switch error.code {
            case .connectionLost, .cannotConnect, .streamTimeout, .timeout, .noInstance, .breakerOpen: true
            default: false
            }
        case let error as RemoteError:
            switch error.code {
            case .overloaded, .shuttingDown: true
            case let code?: resumption.codes.contains(code)
            case nil: false
            }
        default: false
        }
    }
}
