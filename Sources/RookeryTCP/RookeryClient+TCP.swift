public import Logging
package import RookeryCalls
public import RookeryCore
public import RookeryPolicies
public import ServiceLifecycle
public import Tracing

extension Destination {
    /// Makes a destination that reaches its instances over TCP.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting``, or why a file of instances cannot be read.
    package convenience init(
        tcp configuration: ClientConfiguration, discovery: (any Discovery)? = nil, eventLoops: EventLoops = .shared,
        environment: CallEnvironment = CallEnvironment(), tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "rookery.client")
    ) throws {
        let key = try configuration.key.map { try ServiceKeyFile($0, logger: logger) }
        let encryption = try ClientEncryption(configuration.tls, logger: logger)
        let fields = try configuration.fields.keys.map { try FieldKeyFile.cipher($0, logger: logger) }
        try self.init(
            configuration, discovery: discovery, environment: environment, tracer: tracer, logger: logger
        ) { instance in
            TCPTransport(
                instance, configuration, key: key, encryption: encryption, fields: fields, eventLoops: eventLoops,
                logger: logger)
        }
    }
}

extension RookeryClient {
    /// Makes a client of a service, with all guards. The client connects when it is first used.
    ///
    /// Run the client as a `Service` or with ``withRookeryClient(_:tracer:logger:_:)`` if its instances are in a file
    /// or in DNS. It follows changes of the instances only while it runs. `tracer` defaults to the bootstrapped tracer.
    /// Without any tracer, the client still passes on traces that others began.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting``, or why a file of instances cannot be read.
    public init(
        _ configuration: ClientConfiguration, tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "rookery.client")
    ) throws {
        self.init(try Destination(tcp: configuration, tracer: tracer, logger: logger), tracer: tracer)
    }

    /// Makes a client of a destination. The timeouts of the destination are the client's defaults.
    package init(_ destination: Destination, tracer: (any Tracer)? = nil) {
        self.init(transport: destination, name: destination.name, defaults: destination.defaults, tracer: tracer)
    }

    /// Makes a client of one address, with all guards at their defaults.
    package init(host: String, port: Int, logger: Logger = Logger(label: "rookery.client")) {
        let configuration = ClientConfiguration(host: host, port: port)
        do {
            try self.init(configuration, logger: logger)
        } catch {
            // Not reached, because the defaults are valid.
            let instance = Instance(host: host, port: port)
            self.init(transport: TCPTransport(instance, configuration, logger: logger))
        }
    }

    /// The destination that guards the client's calls; nil if its transport has no guards.
    package var destination: Destination? { transport as? Destination }
}

extension RookeryClient: Service {
    /// Follows the service's instances until graceful shutdown or cancellation, then closes the connections.
    ///
    /// In a `ServiceGroup`, list the client before the services that use it: a group stops its services in reverse
    /// order.
    ///
    /// - Throws: What the discovery of the instances throws.
    public func run() async throws {
        let transport = self.transport
        do {
            try await cancelWhenGracefulShutdown {
                try await transport.run()
                // A fixed list of instances returns at once. A service that returns ends its group, so wait here.
                try await gracefulShutdown()
            }
        } catch is CancellationError {
            // Cancellation is a normal end.
        } catch {
            await transport.close()
            throw error
        }
        await transport.close()
    }
}

/// Runs `body` with a client, then closes its connections. The client follows its instances while `body` runs.
///
/// - Throws: What making the client throws, and what `body` throws.
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
