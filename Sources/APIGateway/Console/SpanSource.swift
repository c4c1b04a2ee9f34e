package import PetProContracts
package import Rookery
package import RookeryCalls

/// A service whose instances the console asks.
package struct SpanSource: Sendable {
    /// The service.
    let service: ServiceName
    /// Finds its instances.
    let discovery: any Discovery
    /// Makes a client of one instance. Throws what is wrong with it.
    let connect: @Sendable (Instance) throws -> InstanceClient

    /// Makes a source.
    package init(
        _ service: ServiceName, discovery: any Discovery,
        connect:
            @escaping @Sendable (Instance) throws -> InstanceClient
    ) {
        self.service = service
        self.discovery = discovery
        self.connect = connect
    }
}
