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

    /// Checks the message against the service's description, and returns the pattern of the command.
    ///
    /// Returns the given pattern unchecked if `isChecking` is false, or if the service does not describe itself.
    ///
    /// Throws a `ValidationError` that names every wrong field, or ``CommandSupport/CommandFailure`` for an unknown
    /// command.
    func checked(by client: RookeryClient, isChecking: Bool) async throws -> Pattern {
        try await checkedCommand(by: client, isChecking: isChecking).pattern
    }

    /// Does the same as ``checked(by:isChecking:)``, and also returns how the command's stream is resumed.
    func checkedCommand(
        by client: RookeryClient, isChecking: Bool
    ) async throws -> (pattern: Pattern, resumption: StreamResumption?) {
        guard isChecking, let description = try await RemoteDescription(askingFirst: client) else {
            return (pattern, nil)
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
        return (command.pattern, command.json["resuming"].flatMap { StreamResumption($0) })
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
