import PetProContracts
import PetProStorage
import Rookery

extension BookingController {
    /// Inserts the demo owners' pets, if there are no pets yet.
    public func enterDemoPets() async throws {
        guard try await database.isEmpty("pets") else { return }
        let pets = [
            CreatePet(ownerId: 5, name: "Biscuit", species: .dog, breed: "Beagle"),
            CreatePet(ownerId: 5, name: "Olive", species: .cat),
            CreatePet(ownerId: 6, name: "Mochi", species: .cat),
            CreatePet(ownerId: 7, name: "Käthe 🐕", species: .dog, breed: "Dackel"),
        ]
        try await database.write { transaction in
            guard try !transaction.exists("SELECT 1 FROM pets LIMIT 1") else { return }
            for pet in pets { _ = try transaction.insertPet(pet) }
        }
    }
}
