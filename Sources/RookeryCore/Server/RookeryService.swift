/// The commands that a server serves, with their handlers and interceptors.
///
/// `@Contract` generates a factory: `BookingAPIContract.service(Bookings())`. For patterns without a contract, create
/// the service from routes.
public struct RookeryService: Sendable {
    package private(set) var routes: [Route]

    /// Creates a service from routes.
    public init(_ routes: [Route]) { self.routes = routes }

    /// Returns a copy with an interceptor around some of its commands, inside the interceptors that it already has.
    ///
    /// Example: `.intercepted(by: Audit(), on: API.cancel, API.refund)`. Without `commands`, the interceptor applies to
    /// all commands.
    ///
    /// - Precondition: The service has all `commands`. An interceptor that checks a token must not be lost.
    public func intercepted(by interceptor: any Interceptor, on commands: Command...) -> RookeryService {
        for command in commands {
            precondition(
                routes.contains { $0.command == command },
                "intercepted(by:on:): the service has no command \(command.name)")
        }
        var service = self
        for at in service.routes.indices {
            service.routes[at].interceptors.append([interceptor], commands: commands.isEmpty ? nil : commands)
        }
        return service
    }
}
