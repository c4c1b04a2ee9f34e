import ArgumentParser
import CommandSupport
import Logging
import Rookery

@main
struct PetProCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro",
        abstract: "A pet-care booking platform: an HTTP gateway and four services that talk over TCP.",
        discussion: """
            Examples:
              petpro up --demo                    everything in one process, with demo data
              petpro demo                         the three flows against a running platform
              petpro up --print-config            every setting, and where it came from
              petpro up --instances booking=2,vendor=2
              petpro serve booking --vendor 10.0.0.7:4003,10.0.0.8:4003
              petpro users create-admin --email admin@example.com --name Admin

            Exit codes: 0 done, 1 failed, 2 wrong usage.
            """,
        version: "0.1.0",
        subcommands: [Up.self, Serve.self, Demo.self, Users.self])

    static func main() async {
        await Program.run(Self.self, name: "petpro") { error in
            switch error {
            case let error as CannotListen:
                Terminal.note(
                    "petpro: \(error)\nIs another platform running? Choose other ports with --http and --base-port.")
                return 1
            default: return nil
            }
        }
    }
}

struct PasswordOptions: ParsableArguments {
    @Option(help: "What a password hash costs: the logarithm of scrypt's N. Below 17 only for tests.")
    var passwordCost = 17

    func validate() throws {
        if !(10...20).contains(passwordCost) { throw ValidationError("--password-cost must be 10 to 20") }
    }
}

struct LoggingOptions: ParsableArguments {
    @Option(help: "What to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    func validate() throws {
        if Logger.Level(rawValue: logLevel) == nil {
            throw ValidationError("--log-level must be trace, debug, info, notice, warning, error or critical")
        }
    }

    /// Call once, before the first logger is made.
    func logger() -> Logger {
        let level = Logger.Level(rawValue: logLevel) ?? .notice
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "petpro")
    }
}
