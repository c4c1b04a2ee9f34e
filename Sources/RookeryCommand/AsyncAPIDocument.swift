import Rookery

/// A service's description as an AsyncAPI 3.0 document, with a channel and an operation for each command.
struct AsyncAPIDocument {
    let jsonValue: JSONValue

    init(
        _ service: String, _ commands: [RemoteDescription.Command], _ schemas: JSONObject, at source: DescriptionSource
    ) {
        var channels = JSONObject()
        var operations = JSONObject()
        for command in commands {
            let name = command.name
            var messages: JSONObject = ["request": ["payload": Self.referring(command.request)]]
            var operation: JSONObject = [
                "action": "receive", "channel": ["$ref": .string("#/channels/\(name)")],
                "messages": [["$ref": .string("#/channels/\(name)/messages/request")]],
            ]
            if let values = command.clientStream { messages["clientStream"] = ["payload": Self.referring(values)] }
            operation["description"] = command.description.map { .string($0) }
            if command.kind != "event" {
                messages["reply"] = ["payload": command.reply.map(Self.referring) ?? [:]]
                operation["reply"] = [
                    "channel": ["$ref": .string("#/channels/\(name)")],
                    "messages": [["$ref": .string("#/channels/\(name)/messages/reply")]],
                ]
            }
            channels[name] = [
                "address": .string(command.pattern.value.jsonText), "messages": .object(messages),
                "x-kind": .string(command.kind),
            ]
            operations[name] = .object(operation)
        }
        var document: JSONObject = ["asyncapi": "3.0.0", "info": ["title": .string(service), "version": "1"]]
        // A file does not tell where the service runs.
        if case .address(let address) = source {
            document["servers"] = ["default": ["host": .string(address.description), "protocol": "nestjs-tcp"]]
        }
        document["channels"] = .object(channels)
        document["operations"] = .object(operations)
        document["components"] = ["schemas": Self.referring(.object(schemas))]
        jsonValue = .object(document)
    }

    /// Returns the schema with each `$ref` rewritten to `#/components/schemas/<name>`.
    private static func referring(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .array(let elements): return .array(elements.map(referring))
        case .object(let object):
            var changed = JSONObject()
            for (key, value) in object {
                if key == "$ref", let name = SchemaText.reference(schema) {
                    changed[key] = .string("#/components/schemas/\(name)")
                } else {
                    changed[key] = referring(value)
                }
            }
            return .object(changed)
        default: return schema
        }
    }
}
