import CommandSupport
import Rookery

/// The failures that calls have, how they are shown, and their exit codes.
enum Failure {
    static let remote: Int32 = 1
    static let unreachable: Int32 = 3
    static let timeout: Int32 = 4

    /// Shows the failure where it belongs and gives the exit code; nil for one that is no call's.
    static func report(_ error: any Error) -> Int32? {
        switch error {
        case let error as RemoteError:
            // For machines too: the error as the service sent it.
            Terminal.note(error.payload.jsonText)
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
