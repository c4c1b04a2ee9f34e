public import RookeryWire

/// The declarations of a contract, as a value.
public struct ContractDescriptor: Sendable {
    /// The name of the protocol.
    package let name: String
    /// The doc comment of the protocol; nil without one.
    package let documentation: String?
    /// Its commands, in the order of their declaration.
    package let commands: [Command]

    /// Creates a descriptor. Code that `@Contract` generates calls it.
    public init(_name name: String, documentation: String?, commands: [Command]) {
        self.name = name
        self.documentation = documentation
        self.commands = commands
    }

    /// The description that a server of this contract alone answers `rookery describe` with, as JSON. `service` is the
    /// service's name.
    ///
    /// A build step or a test writes it to a file, and `rookery describe FILE --typescript` or `--asyncapi` reads it
    /// where no service runs.
    public func description(service: String) -> JSONValue {
        Description(service: service, commands: commands).jsonValue
    }
}
