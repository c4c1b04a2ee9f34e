/// A server cannot bind the address to listen on.
public struct CannotListen: Error, CustomStringConvertible {
    /// The address.
    package let host: String
    /// The port.
    package let port: Int
    let cause: String

    /// Makes an error with the address and the cause.
    package init(host: String, port: Int, cause: String) {
        self.host = host
        self.port = port
        self.cause = cause
    }

    /// The address and the cause.
    public var description: String { "cannot listen on \(host):\(port): \(cause)" }
}
