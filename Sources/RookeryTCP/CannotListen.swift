/// The address a server was to listen on cannot be bound.
public struct CannotListen: Error, CustomStringConvertible {
    /// The address.
    package let host: String
    /// The port.
    package let port: Int
    let cause: String

    /// Names them.
    package init(host: String, port: Int, cause: String) {
        self.host = host
        self.port = port
        self.cause = cause
    }

    /// Names address and cause.
    public var description: String { "cannot listen on \(host):\(port): \(cause)" }
}
