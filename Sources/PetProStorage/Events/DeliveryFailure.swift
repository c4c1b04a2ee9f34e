import Rookery

/// Why an event was not acknowledged.
struct DeliveryFailure: Error, Hashable {
    /// What a failure says.
    enum Kind: Hashable {
        /// The subscriber refused the event.
        case refused
        /// The subscriber did not answer. The event may be the reason, or not.
        case unanswered
        /// The subscriber was not reached, is overloaded, or does not know this service.
        case unreachable
    }

    let kind: Kind
    let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    init(_ error: any Error) {
        let kind: Kind
        if let error = error as? CallError {
            kind = error.wasWritten ? .unanswered : .unreachable
        } else {
            switch (error as? RemoteError)?.code {
            case .overloaded, .shuttingDown, .serviceUnauthenticated, .serviceForbidden: kind = .unreachable
            // A service that fails may fail for a reason of its own, such as a disk.
            case .deadlineExceeded, .internal: kind = .unanswered
            default: kind = .refused
            }
        }
        self.init(kind, "\(error)")
    }
}
