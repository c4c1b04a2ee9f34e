package import RookeryWire

/// A server's description of itself: the reply to ``pattern``, similar to gRPC's server reflection.
///
/// It lists the commands with their patterns, kinds, schemas, errors and doc comments.
package struct Description: Sendable {
    /// The pattern of the request.
    package static let pattern: Pattern = "$rookery.describe"
    /// The version of the reply's format.
    package static let version = 1

    /// The service's name.
    package let service: String
    /// The commands that the service declares, without those that every Rookery server has.
    package let commands: [Command]

    package init(service: String, commands: [Command]) {
        self.service = service
        self.commands = commands
    }

    /// The reply: `{rookery: 1, service, commands: […], schemas: {…}}`. Schemas are JSON Schema, with references to
    /// `#/schemas/`.
    package var jsonValue: JSONValue {
        var writer = JSONSchemaWriter(references: "#/schemas/")
        let described = commands.map { JSONValue.object(Self.describe($0, &writer)) }
        return [
            "rookery": .int(Int64(Self.version)), "service": .string(service), "commands": .array(described),
            "schemas": .object(writer.definitions),
        ]
    }

    private static func describe(_ command: Command, _ writer: inout JSONSchemaWriter) -> JSONObject {
        var object: JSONObject = [
            "name": .string(command.name), "pattern": command.pattern.value, "kind": .string("\(command.kind)"),
        ]
        object["contract"] = command.contract.map { .string($0) }
        object["description"] = command.documentation.map { .string($0) }
        if !command.alternatives.isEmpty { object["alternatives"] = .array(command.alternatives.map(\.value)) }
        if command.kind != .event { object["idempotency"] = .string("\(command.idempotency)") }
        object["timeoutMs"] = command.timeout.map { .int($0.milliseconds) }
        if command.group != Command.defaultGroup { object["group"] = .string(command.group) }
        object["resuming"] = command.resumption?.jsonValue
        object["request"] = writer.schema(of: command.request)
        object["clientStream"] = command.clientStream.map { writer.schema(of: $0) }
        object["reply"] = command.reply.map { writer.schema(of: $0) }
        object["errors"] = command.errors.map { .array($0.map { .string($0.rawValue) }) }
        return object
    }

    /// The route that answers ``pattern``. It encodes the reply only once.
    package var route: Route {
        let command = Command("describe", pattern: Self.pattern, idempotency: .safe, group: Health.command.group)
        let text = RawJSON(jsonValue.jsonText)
        return Route(command) { _, sink in sink.reply(text) }
    }
}
