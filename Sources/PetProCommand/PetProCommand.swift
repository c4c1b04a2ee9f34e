import ArgumentParser
import CommandSupport
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
              petpro keys list                    who may call which command
              petpro encryption list              the keys that encrypt personal data
              petpro events list                  what subscribers lack, and dead letters
              petpro backup /backups/today        copies of the databases, while the platform runs
              petpro audit list                   who read or changed personal data
              petpro users create-admin --email admin@example.com --name Admin

            Exit codes: 0 done, 1 failed, 2 wrong usage.
            """,
        version: "0.1.0",
        subcommands: [
            Up.self, Serve.self, Demo.self, Trace.self, Tap.self, Users.self, Keys.self, Encryption.self, Audit.self,
            Events.self, Backup.self, Restore.self, Migrate.self, Move.self, Certs.self,
        ])

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
