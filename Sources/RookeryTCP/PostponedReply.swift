/// An answer that waits until the peer has taken earlier ones.
struct PostponedReply {
    let request: ServerRequest
    let write: () -> Void
}
