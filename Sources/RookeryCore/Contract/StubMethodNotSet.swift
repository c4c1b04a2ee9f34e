/// A test called a method of a stub whose handler is not set.
public struct _StubMethodNotSet: Error, Sendable, Hashable, CustomStringConvertible {
    /// The method: `BookingAPI.getBooking`.
    package let method: String

    /// Creates the error.
    public init(_method method: String) { self.method = method }

    /// Names the method and the handler to set.
    public var description: String {
        let name = method.split(separator: ".").last.map(String.init) ?? method
        return "\(method) was called, and the stub's `\(name)Handler` is not set"
    }
}
