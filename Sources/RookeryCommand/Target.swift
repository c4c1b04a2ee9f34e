import ArgumentParser
import CommandSupport
import Logging
import Rookery

/// What the commands that talk to a service have in common.
struct Target: ParsableArguments {
    @Argument(help: "The service's address.")
    var address: Instance

    @Argument(
        help: "The pattern: a string, or a JSON object.",
        completion: .custom { (words: [String], _: Int, _: String) async -> [String] in await Target.patterns(words) })
    var pattern: Pattern

    @Argument(help: "The message: any JSON. Default: {}")
    var data: JSONValue = .object([:])

    var client: RookeryClient { RookeryClient(host: address.host, port: address.port, logger: Logger.silence) }

    /// The pattern as the service has it, once the message has been found to fit. A service that does not describe itself is
    /// believed to take everything. Throws a failure that names every field that is wrong.
    func checked(by client: RookeryClient, isChecking: Bool) async throws -> Pattern {
        guard isChecking, let description = try await RemoteDescription(askingFirst: client) else { return pattern }
        guard let command = description.command(pattern) else {
            let nearest = description.nearest(to: pattern).map { "; did you mean \($0)?" } ?? ""
            throw CommandFailure(
                "\(address) has no command \(pattern)\(nearest)\n`rookery list \(address)` shows all there are.")
        }
        let problems = SchemaCheck(definitions: description.schemas).problems(of: data, command.request)
        guard problems.isEmpty else {
            throw ValidationError(
                "the message does not fit \(command.pattern):\n"
                    + problems.map { "  \($0)" }.joined(separator: "\n")
                    + "\n`rookery describe \(address) '\(command.pattern)'` shows what it takes.")
        }
        return command.pattern
    }

    /// The patterns of the service whose address is among the words of a command line.
    static func patterns(_ words: [String]) async -> [String] {
        guard let address = words.lazy.compactMap({ Instance($0) }).first else { return [] }
        let client = RookeryClient(host: address.host, port: address.port, logger: Logger.silence)
        // A service that cannot be asked completes nothing.
        let description = try? await RemoteDescription(asking: client.with { $0.timeout = .seconds(1) })
        return description?.commands.map(\.shortName) ?? []
    }
}
