import ArgumentParser
import CommandSupport
import Logging
import Rookery

/// The arguments that several commands share: address, pattern and message.
struct Target: ParsableArguments {
    @Argument(help: "The service's address.")
    var address: Instance

    @Argument(
        help: "The pattern: a string, or a JSON object.",
        completion: .custom { (words: [String], _: Int, _: String) async -> [String] in await Target.patterns(words) })
    var pattern: Pattern

    @Argument(help: "The message: any JSON. Default: {}")
    var data: JSONValue = .object([:])
    @OptionGroup var keys: KeyOptions

    /// Creates a client of the address. Throws ``CommandSupport/CommandFailure`` if the key cannot be used.
    func client() throws -> RookeryClient { try keys.client(address) }

    /// What the service says of the command.
    struct Described {
        var pattern: Pattern
        /// How its stream is resumed. Nil if it cannot be, or nothing is known.
        var resumption: StreamResumption?
        /// The schema of the values of its client stream. Nil if it has none, or nothing is known.
        var clientStream: JSONValue?
        /// The schemas that others refer to.
        var schemas: JSONObject = [:]
    }

    /// Checks the message against the service's description, and returns what that says of the command. `values` says whether
    /// the command is to get a client stream.
    ///
    /// Returns the given pattern unchecked if `isChecking` is false, or if the service does not describe itself.
    ///
    /// Throws a `ValidationError` that names every wrong field, or ``CommandSupport/CommandFailure`` for an unknown
    /// command.
    func checkedCommand(
        by client: RookeryClient, isChecking: Bool, values: Bool = false
    ) async throws -> Described {
        guard isChecking, let description = try await RemoteDescription(askingFirst: client) else {
            return Described(pattern: pattern)
        }
        guard let command = description.command(pattern) else {
            let nearest = description.nearest(to: pattern).map { "; did you mean \($0)?" } ?? ""
            throw CommandFailure(
                "\(address) has no command \(pattern)\(nearest)\n`rookery list \(address)\(keys.again)` shows all commands."
            )
        }
        let problems = SchemaCheck(definitions: description.schemas).problems(of: data, command.request)
        guard problems.isEmpty else {
            throw ValidationError(
                "the message is invalid for \(command.pattern):\n"
                    + problems.map { "  \($0)" }.joined(separator: "\n")
                    + "\n`rookery describe \(address) '\(command.pattern)'\(keys.again)` shows the fields.")
        }
        if values != (command.clientStream != nil) {
            throw ValidationError(
                values
                    ? "\(command.pattern) takes no client stream: leave out --values"
                    : "\(command.pattern) takes a client stream: pass --values FILE, with one JSON value per line"
            )
        }
        return Described(
            pattern: command.pattern, resumption: command.json["resuming"].flatMap { StreamResumption($0) },
            clientStream: command.clientStream, schemas: description.schemas)
    }

    /// Returns the command names of the service whose address is among the words of a command line, for completion.
    static func patterns(_ words: [String]) async -> [String] {
        guard let address = words.lazy.compactMap({ Instance($0) }).first else { return [] }
        let client = RookeryClient(host: address.host, port: address.port, logger: Logger.silence)
        // Completes nothing when the service cannot be reached or does not describe itself.
        let description = try? await RemoteDescription(asking: client.with { $0.timeout = .seconds(1) })
        return description?.commands.map(\.shortName) ?? []
    }
}
