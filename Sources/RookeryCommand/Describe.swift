import ArgumentParser
import CommandSupport
import Logging
import Rookery

struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the messages of a Rookery service, or of one of its commands.",
        discussion: """
            By default it prints text for people. --json prints the description as JSON, --typescript prints \
            TypeScript declarations for callers, and --asyncapi prints an AsyncAPI 3 document.

              rookery describe 127.0.0.1:4002
              rookery describe 127.0.0.1:4002 get-booking
              rookery describe 127.0.0.1:4002 --typescript > booking.ts

            Without a running service, it reads a file that --json wrote, or that a build wrote from the contract's \
            descriptor:

              rookery describe booking.json --asyncapi
            """)

    @Argument(help: "The service's address, or a file with its description. - is standard input.")
    var source: DescriptionSource
    @Argument(
        help: "The pattern of one command. Default: all commands.",
        completion: .custom { (words: [String], _: Int, _: String) async -> [String] in await Target.patterns(words) })
    var pattern: Pattern?
    @Option(help: "How long to wait for the answer.")
    var timeout: Duration = .seconds(5)
    @OptionGroup var keys: KeyOptions
    @Flag(help: "Print the description as JSON, schemas as JSON Schema.")
    var json = false
    @Flag(help: "Print TypeScript declarations for callers.")
    var typescript = false
    @Flag(help: "Print an AsyncAPI 3 document.")
    var asyncapi = false

    func validate() throws {
        if [json, typescript, asyncapi].filter({ $0 }).count > 1 {
            throw ValidationError("--json, --typescript and --asyncapi exclude each other")
        }
    }

    /// Asks a service for its description.
    ///
    /// Throws ``CommandSupport/CommandFailure`` when the service has no description, or one of an unknown version.
    /// Throws ``RookeryCore/CallError`` when the call fails.
    static func ask(_ address: Instance, _ timeout: Duration, _ keys: KeyOptions) async throws -> RemoteDescription {
        let client = try keys.client(address)
        do {
            return try await RemoteDescription(asking: client.with { $0.timeout = timeout })
        } catch let error as CallError where error.code == .noHandler {
            throw CommandFailure("\(address) answers, but does not describe itself: it is not a Rookery service")
        }
    }

    func run() async throws {
        let description = try await source.read(timeout: timeout, keys)
        var commands = description.commands
        if let pattern {
            guard let command = description.command(pattern) else {
                let nearest = description.nearest(to: pattern).map { "; did you mean \($0)?" } ?? ""
                throw CommandFailure("\(source) has no command \(pattern)\(nearest)")
            }
            commands = [command]
        }
        if typescript {
            return Terminal.line(
                TypeScriptDeclarations(service: description.service, commands, description.schemas).text)
        }
        if asyncapi {
            let document = AsyncAPIDocument(description.service, commands, description.schemas, at: source)
            return Terminal.line(document.jsonValue.jsonText)
        }
        if json {
            return Terminal.line(
                JSONValue.object([
                    "rookery": .int(Int64(Description.version)), "service": .string(description.service),
                    "commands": .array(commands.map(\.json)),
                    "schemas": .object(description.schemas),
                ]).jsonText)
        }
        Terminal.line(SchemaText(description.schemas).text(of: commands))
    }
}
