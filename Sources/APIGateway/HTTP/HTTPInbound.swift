import Hummingbird

/// What a connection delivers: complete requests, and refusals.
enum HTTPInbound: Sendable {
    /// A complete request. `hold` counts its memory; release it when the request has been answered.
    case request(Request, hold: RequestHold)
    /// The error of a refused request. The connection takes no further request.
    case refused(Problem)
}
