public import Logging
package import RookeryCalls
public import RookeryCore
public import RookeryPolicies
public import ServiceLifecycle
public import Tracing

extension Destination {
    /// A destination whose instances are reached over TCP. Throws ``RookeryPolicies/InvalidSetting``, or why a file of
    /// instances cannot be read.
    package convenience init(
        tcp configuration: ClientConfiguration, discovery: (any Discovery)? = nil, eventLoops: EventLoops = .shared,
        environment: CallEnvironment = CallEnvironment(), tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "rookery.client")
    ) throws {
        try self.init(
            configuration, discovery: discovery, environment: environment, tracer: tracer, logger: logger
        ) { instance in
            TCPTransport(instance, configuration, eventLoops: eventLoops, logger: logger)
        }
    }
}

extension RookeryClient {
    /// A client of a service, with all guards. Connects when it is first used.
    ///
    /// Run it, as a `Service` or with ``withRookeryClient(_:tracer:logger:_:)``, when its instances are in a file or in DNS:
    /// only then does it follow what changes. `tracer` is the one that is bootstrapped unless another is given; without any,
    /// the traces of others still pass through.
    ///
    /// Throws ``RookeryPolicies/InvalidSetting``, or why a file of instances cannot be read.
    public init(
        _ configuration: ClientConfiguration, tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "rookery.client")
    ) throws {
        self.init(try Destination(tcp: configuration, tracer: tracer, logger: logger), tracer: tracer)
    }

    /// A client that calls a destination, with its timeouts.
    package init(_ destination: Destination, tracer: (any Tracer)? = nil) {
        self.init(transport: destination, name: destination.name, defaults: destination.defaults, tracer: tracer)
    }

    /// A client of one address, with all guards at their defaults.
    package init(host: String, port: Int, logger: Logger = Logger(label: "rookery.client")) {
        let configuration = ClientConfiguration(host: host, port: port)
        do {
            try self.init(configuration, logger: logger)
        } catch {
            // The defaults are valid.
            let instance = Instance(host: host, port: port)
            self.init(transport: TCPTransport(instance, configuration, logger: logger))
        }
    }

    /// What stands around its calls; nil over a transport without guards.
    package var destination: Destination? { transport as? Destination }
}

extension RookeryClient: Service {
    /// Follows where the service's instances are, until graceful shutdown or cancellation; then closes the connections. In a
    /// `ServiceGroup` it belongs before what uses it: services stop in the opposite order.
    public func run() async throws {
        let transport = self.transport
        do {
            try await cancelWhenGracefulShutdown {
                try await transport.run()
                // Instances that never change; a service that ends would end its group.
                try await gracefulShutdown()
            }
        } catch is CancellationError {
            // Stopped, which is how it ends.
        } catch {
            await transport.close()
            throw error
        }
        await transport.close()
    }
}

/// Runs `body` with a client, and closes its connections afterwards. Throws what making the client throws, and what `body`
/// throws.
public func withRookeryClient<Result>(
    _ configuration: ClientConfiguration, tracer: (any Tracer)? = nil,
    logger: Logger = Logger(label: "rookery.client"), _ body: (RookeryClient) async throws -> Result
) async throws -> Result {
    let client = try RookeryClient(configuration, tracer: tracer, logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.transport.run() }
        let result: Result
        do {
            result = try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        group.cancelAll()
        return result
    }
}
