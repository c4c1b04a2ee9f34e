import PetProContracts
import Rookery

/// The commands of the services, from their contracts.
enum PlatformCommands {
    /// The contract of each service.
    static let contracts: [(service: ServiceName, contract: ContractDescriptor)] = [
        (.auth, AuthAPIContract.descriptor), (.booking, BookingAPIContract.descriptor),
        (.vendor, VendorAPIContract.descriptor), (.product, ProductAPIContract.descriptor),
    ]

    /// The command of a service with a name: the contract's, or that of the wire. Nil if it has none.
    static func command(_ name: String, of service: ServiceName) -> Command? {
        contracts.first { $0.service == service }?.contract.commands.first { $0.name == name || $0.wireName == name }
    }

    /// The descriptions of all commands, each with an example of its message, as ``Description`` gives them.
    static let json: JSONValue = {
        var services: JSONObject = [:]
        for (service, contract) in contracts {
            guard case .object(var described) = contract.description(service: service.rawValue) else { continue }
            described["examples"] = .object(
                contract.commands.reduce(into: JSONObject()) { $0[$1.name] = SchemaExample.value(of: $1.request) })
            services[service.rawValue] = .object(described)
        }
        return ["services": .object(services)]
    }()

    /// A request as one frame of the plain wire, `LENGTH#JSON`. `message` is JSON.
    static func frame(_ command: Command, message: String) -> String {
        frame(#"{"pattern":\#(command.pattern.value.jsonText),"data":\#(message),"id":"…"}"#)
    }

    /// A reply as one frame of the plain wire. `reply` is JSON, or nil for none.
    static func frame(reply: String?) -> String {
        frame(#"{\#(reply.map { #""response":\#($0),"# } ?? "")"isDisposed":true,"id":"…"}"#)
    }

    /// The length counts UTF-16 code units, as Nest does.
    private static func frame(_ packet: String) -> String { "\(packet.utf16.count)#\(packet)" }
}
