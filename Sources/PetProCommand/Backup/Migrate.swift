import ArgumentParser
import CommandSupport
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes the databases or brings them up to date, and starts nothing.",
        discussion: """
            Every start does the same. Use it to migrate while nothing else runs, and to see whether it works. A database that \
            a newer version has written is left as it is.
            """)

    @OptionGroup var databases: DatabaseOptions

    func run() async throws {
        for service in ServiceName.allCases {
            let place = databases.place(of: service)
            do {
                if case .file = place { try PrivateFiles.prepare(folder: databases.data) }
                try place.open(Modules.module(service).migrations, nil).close()
            } catch {
                throw CommandFailure("cannot migrate \(place): \(error)")
            }
            Terminal.line("\(service.rawValue): \(place) is up to date")
        }
    }
}
