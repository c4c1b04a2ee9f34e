/// What a server serves: the commands of a contract and what answers them, with the interceptors around them.
///
/// `@Contract` makes it: `BookingAPIContract.service(Bookings())`. For patterns without a contract, make it of routes.
public struct RookeryService: Sendable {
    package private(set) var routes: [Route]

    /// Serves routes.
    public init(_ routes: [Route]) { self.routes = routes }

    /// The same with an interceptor around some of its commands, or all when none are named, inside those that it has already:
    /// `.intercepted(by: Audit(), on: API.cancel, API.refund)`.
    public func intercepted(by interceptor: any Interceptor, on commands: Command...) -> RookeryService {
        var service = self
        for at in service.routes.indices {
            service.routes[at].interceptors.append([interceptor], commands: commands.isEmpty ? nil : commands)
        }
        return service
    }
}
