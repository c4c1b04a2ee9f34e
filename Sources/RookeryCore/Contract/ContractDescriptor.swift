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
}
