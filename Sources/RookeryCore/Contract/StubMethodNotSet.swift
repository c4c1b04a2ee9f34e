/// A test called a method of a stub that it has not set.
public struct StubMethodNotSet: Error, Sendable, Hashable, CustomStringConvertible {
    /// The method: `BookingAPI.getBooking`.
    package let method: String

    /// Names a method.
    public init(_method method: String) { self.method = method }

    /// Says what to do about it.
    public var description: String {
        let name = method.split(separator: ".").last.map(String.init) ?? method
        return "\(method) was called, and the stub's `\(name)Handler` is not set"
    }
}
