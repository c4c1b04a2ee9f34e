import Hummingbird

/// What a connection hands on: requests that are complete, and nothing else.
enum HTTPInbound: Sendable {
    /// `hold` is what the request takes up, and is let go of when it has been answered.
    case request(Request, hold: RequestHold)
    /// It is answered so, and nothing after it is understood.
    case refused(Problem)
}
