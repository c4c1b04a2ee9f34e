import CommandSupport
import Rookery

/// What a service tells about itself at `$rookery.describe`.
struct RemoteDescription: Sendable {
    /// One command.
    struct Command: Sendable {
        let json: JSONValue
        let pattern: Pattern
        let alternatives: [Pattern]

        init?(_ json: JSONValue) {
            guard let value = json["pattern"], let pattern = Pattern(value) else { return nil }
            self.json = json
            self.pattern = pattern
            alternatives = json["alternatives"]?.arrayValue?.compactMap { Pattern($0) } ?? []
        }

        var name: String { json["name"]?.stringValue ?? "?" }
        var kind: String { json["kind"]?.stringValue ?? "?" }
        var description: String? { json["description"]?.stringValue }
        var request: JSONValue { json["request"] ?? [:] }
        var reply: JSONValue? { json["reply"] }
        /// What stands at `cmd`, or the pattern.
        var shortName: String { pattern.value["cmd"]?.stringValue ?? pattern.route }
    }

    let service: String
    let commands: [Command]
    /// The messages and enums, as JSON Schema, by their names.
    let schemas: JSONObject

    /// Reads what a service told. Throws when it is no description.
    init(_ json: JSONValue) throws {
        guard json["rookery"] == .int(Int64(Description.version)), case .object(let schemas)? = json["schemas"],
            let commands = json["commands"]?.arrayValue
        else { throw CommandFailure("the service's description is of a version that this rookery does not know") }
        service = json["service"]?.stringValue ?? "?"
        self.schemas = schemas
        self.commands = commands.compactMap { Command($0) }
    }

    /// Asks a service. Throws ``RookeryCore/CallError`` with `noHandler` when it does not describe itself.
    init(asking client: RookeryClient) async throws {
        try self.init(try await client.send(Description.pattern, .null, idempotency: .safe) ?? .null)
    }

    /// Asks before a call is made; nil when the service does not describe itself, which is for the call to find out.
    init?(askingFirst client: RookeryClient) async throws {
        do {
            try await self.init(asking: client)
        } catch let error as CallError where error.code == .noHandler {
            return nil
        }
    }

    /// The command that a pattern means: by any of its patterns, or by what stands at `cmd`.
    func command(_ pattern: Pattern) -> Command? {
        commands.first { $0.pattern == pattern || $0.alternatives.contains(pattern) }
            ?? commands.first { $0.shortName == pattern.route }
    }

    /// What may have been meant instead.
    func nearest(to pattern: Pattern) -> String? {
        Spelling.nearest(pattern.value["cmd"]?.stringValue ?? pattern.route, in: commands.map(\.shortName))
    }
}
