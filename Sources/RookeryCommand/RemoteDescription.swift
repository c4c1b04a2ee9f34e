import CommandSupport
import Rookery

/// The description that a service returns at `$rookery.describe`.
struct RemoteDescription: Sendable {
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
        /// The schema of the values that a client sends behind the request. Nil if it sends none.
        var clientStream: JSONValue? { json["clientStream"] }
        /// The pattern's member `cmd`, or the whole pattern when it has none.
        var shortName: String { pattern.value["cmd"]?.stringValue ?? pattern.route }
    }

    let service: String
    let commands: [Command]
    /// The JSON Schemas of the messages and enums, by name.
    let schemas: JSONObject

    /// Reads a description.
    ///
    /// Throws ``CommandSupport/CommandFailure`` when it is not a description, or not one of the known version. `source` names
    /// it in errors.
    init(_ json: JSONValue, from source: String = "the service's answer") throws {
        guard let version = json["rookery"]?.intValue, case .object(let schemas)? = json["schemas"],
            let commands = json["commands"]?.arrayValue
        else { throw CommandFailure("\(source) is no description of a service") }
        guard version == Description.version else {
            throw CommandFailure(
                "\(source) is a description of version \(version); this rookery reads version \(Description.version)")
        }
        service = json["service"]?.stringValue ?? "?"
        self.schemas = schemas
        self.commands = commands.compactMap { Command($0) }
    }

    /// Asks a service for its description.
    ///
    /// Throws ``RookeryCore/CallError`` with `noHandler` when the service does not describe itself.
    init(asking client: RookeryClient) async throws {
        try self.init(try await client.send(Description.pattern, .null, idempotency: .safe) ?? .null)
    }

    /// Asks a service for its description before a call. Nil when the service does not describe itself, or not to
    /// the key: the call then goes out unchecked.
    init?(askingFirst client: RookeryClient) async throws {
        do {
            try await self.init(asking: client)
        } catch let error as CallError where error.code == .noHandler {
            return nil
        } catch let error as RemoteError where error.code == .serviceForbidden {
            Terminal.note(
                "the key does not allow \(Description.pattern): the message goes out unchecked, and a pattern must be whole, "
                    + #"such as '{"cmd":"get-booking"}'"#)
            return nil
        }
    }

    /// Returns the command that has this pattern, or else the one that has this name at `cmd`.
    func command(_ pattern: Pattern) -> Command? {
        commands.first { $0.pattern == pattern || $0.alternatives.contains(pattern) }
            ?? commands.first { $0.shortName == pattern.route }
    }

    /// Returns the most similar command name, as a suggestion. Returns nil when no name is similar.
    func nearest(to pattern: Pattern) -> String? {
        Spelling.nearest(pattern.value["cmd"]?.stringValue ?? pattern.route, in: commands.map(\.shortName))
    }
}
