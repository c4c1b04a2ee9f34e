/// What a server serves: the commands of a contract and what answers them, with the interceptors around them.
///
/// `@Contract` makes it: `BookingAPIContract.service(Bookings())`. For patterns without a contract, make it of routes.
public struct RookeryService: Sendable {
    package private(set) var routes: [Route]

    /// Serves routes.
    public init(_ routes: [Route]) { self.routes = routes }

    /// The same with interceptors around all of its commands, inside those that it has already.
    public func intercepted(by interceptors: any Interceptor...) -> RookeryService {
        changed { $0.interceptors.append(interceptors) }
    }

    /// The same with interceptors around some of its commands: `.intercepted(by: Audit(), on: API.cancel)`.
    public func intercepted(by interceptors: any Interceptor..., on commands: Command...) -> RookeryService {
        changed { $0.interceptors.append(interceptors, commands: commands) }
    }

    private func changed(_ change: (inout Route) -> Void) -> RookeryService {
        var service = self
        for at in service.routes.indices { change(&service.routes[at]) }
        return service
    }
}
