import Hummingbird

/// What a connection hands on: requests that are complete, and nothing else.
enum HTTPInbound: Sendable {
    case request(Request)
    /// It is answered so, and nothing after it is understood.
    case refused(Problem)
}
