import ArgumentParser
import CommandSupport

@main
struct PetProTrial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro-trial",
        abstract: "Uses a platform while instances die, and reports whether anything was lost.",
        subcommands: [BookingTrial.self, StockTrial.self], defaultSubcommand: BookingTrial.self)

    static func main() async { await Program.run(Self.self, name: "petpro-trial") }
}
