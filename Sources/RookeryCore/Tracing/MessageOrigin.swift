/// Where messages come from. A class, because all messages of a connection share it, and each of their spans keeps it.
package final class MessageOrigin: Sendable {
    /// The address of the caller's connection, with its port.
    package let peer: String
    /// Who the caller is, by its service key. Nil at a server without a keyring.
    package let caller: Caller?

    /// Makes one.
    package init(peer: String, caller: Caller?) {
        self.peer = peer
        self.caller = caller
    }
}
