import CommandSupport
import Rookery

/// Prints the failures of calls, and maps them to exit codes.
enum Failure {
    static let remote: Int32 = 1
    static let unreachable: Int32 = 3
    static let timeout: Int32 = 4

    /// Prints a failure on standard error and returns its exit code.
    ///
    /// Prints nothing and returns nil unless the error is a `RemoteError`, a `CallError` or a `CannotListen`.
    static func report(_ error: any Error) -> Int32? {
        switch error {
        case let error as RemoteError:
            // Prints the payload as the service sent it, so that programs can parse it.
            Terminal.note(error.payload.jsonText)
            if let hint = KeyOptions.hint(error) { Terminal.note(hint) }
            return remote
        case let error as CallError:
            Terminal.note("rookery: \(error.message)\(error.cause.map { " (\($0))" } ?? "")")
            switch error.code {
            case .timeout, .streamTimeout: return timeout
            case .noHandler, .invalidReply: return remote
            case .invalidCall: return Program.wrongUsage
            default: return unreachable
            }
        case let error as CannotListen:
            Terminal.note("rookery: \(error)")
            return unreachable
        default: return nil
        }
    }
}
