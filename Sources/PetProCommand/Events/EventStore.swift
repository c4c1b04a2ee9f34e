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
        let place = store.databases.place(of: service)
        do {
            guard try place.exists() else { return nil }
            return isWriting ? try place.open(Modules.module(service).migrations, nil) : try place.inspect()
        } catch {
            throw CommandFailure("cannot open the database \(place): \(error)")
        }
    }
}
