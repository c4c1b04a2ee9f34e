import CommandSupport
import PetProContracts
import PetProStorage

/// The instances that use the databases of a platform.
enum RunningInstances {
    /// Throws ``CommandSupport/CommandFailure`` with the next step if an instance of a service uses its database.
    static func requireNone(_ place: (ServiceName) -> DatabasePlace) async throws {
        for service in ServiceName.allCases {
            let place = place(service)
            let holder: String?
            do {
                guard try place.exists() else { continue }
                let database = try place.inspect()
                defer { try? database.close() }
                holder = try await database.read { try $0.leaseHolder() }
            } catch {
                // A database that is damaged is one to replace.
                let text = "\(error)"
                if ["not a database", "malformed"].contains(where: text.contains) { continue }
                throw CommandFailure("cannot look at \(place): \(error). If no instance runs, add --force")
            }
            if let holder {
                throw CommandFailure(
                    "\(service.rawValue) is running (\(holder)): stop every instance of the platform first. If it ended "
                        + "on another host, add --force")
            }
        }
    }
}
