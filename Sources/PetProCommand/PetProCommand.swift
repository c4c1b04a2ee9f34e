public import ArgumentParser
import Foundation
import Logging
public import Rookery

@main
struct PetProCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro",
        abstract: "A pet-care booking platform: an HTTP gateway and four services that talk over TCP.",
        discussion: """
            Examples:
              petpro up --demo                    everything in one process, with demo data
              petpro demo                         the three flows against a running platform
              petpro up --instances booking=2,vendor=2
              petpro serve booking --vendor 10.0.0.7:4003,10.0.0.8:4003
            """,
        version: "0.1.0",
        subcommands: [Up.self, Serve.self, Demo.self])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as CannotListen {
            Terminal.note(
                "petpro: \(error)\nIs another platform running? Choose other ports with --http and --base-port.")
            Foundation.exit(1)
        } catch let error as InvalidSetting {
            Terminal.note("petpro: \(error)")
            Foundation.exit(1)
        } catch let error as ServerConfiguration.Invalid {
            Terminal.note("petpro: \(error)")
            Foundation.exit(1)
        } catch let error as CommandFailure {
            Terminal.note("petpro: \(error.message)")
            Foundation.exit(1)
        } catch {
            exit(withError: error)
        }
    }
}

/// A failure with its next step.
struct CommandFailure: Error {
    let message: String
}

/// Output for people, and for whoever reads it from a pipe.
enum Terminal {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    static func note(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// Bold on a terminal, plain elsewhere.
    static func strong(_ text: String) -> String {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
            ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }
}

extension Instance: ExpressibleByArgument {
    /// `HOST:PORT`
    public init?(argument: String) { self.init(argument) }
    /// What `--help` shows for a default.
    public var defaultValueDescription: String { description }
}

extension InstanceSource: ExpressibleByArgument {
    /// `HOST:PORT`, several with commas, `file:PATH` or `dns:HOST:PORT`.
    public init?(argument: String) { self.init(argument) }
    /// What `--help` shows for a default.
    public var defaultValueDescription: String { description }
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
