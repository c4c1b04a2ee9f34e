import ArgumentParser
import CommandSupport
import Logging
import Rookery

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists the commands of a Rookery service.",
        discussion: """
            Prints one command per line: its kind, its name at "cmd" or its pattern, and its request and reply messages.

              rookery list 127.0.0.1:4002
            """)

    @Argument(help: "The service's address, or a file with its description. - is standard input.")
    var source: DescriptionSource
    @Option(help: "How long to wait for the answer.")
    var timeout: Duration = .seconds(5)
    @OptionGroup var keys: KeyOptions
    @Flag(help: "Print the patterns as JSON, one per line.")
    var json = false

    func run() async throws {
        let description = try await source.read(timeout: timeout, keys)
        if json {
            for command in description.commands { Terminal.line(command.pattern.value.jsonText) }
            return
        }
        let width = description.commands.map(\.shortName.count).max() ?? 0
        for command in description.commands {
            let kind = padded(command.kind, 8)
            Terminal.line("\(kind)\(padded(command.shortName, width + 2))\(SchemaText.signature(of: command))")
        }
    }
}
