import CommandSupport
import Foundation
import PetProAssembly
import PetProContracts
import PetProStorage

/// Opens the databases with the logs of events.
enum EventStore {
    /// Opens the database of a service. Nil when there is none.
    ///
    /// Throws ``CommandSupport/CommandFailure`` that names the database.
    static func open(_ service: ServiceName, _ store: StoreOptions, isWriting: Bool) throws -> Database? {
        let path = "\(store.data)/\(service.rawValue).sqlite"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return isWriting
                ? try Database(path: path, migrations: Modules.module(service).migrations)
                : try Database(inspecting: path)
        } catch {
            throw CommandFailure("cannot open the database \(path): \(error)")
        }
    }
}
