/// An answer that waits until the peer has taken others.
struct PostponedReply {
    let request: ServerRequest
    let write: () -> Void
}
