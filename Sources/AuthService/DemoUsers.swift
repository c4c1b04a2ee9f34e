import PetProContracts
import PetProStorage
import Rookery
import PetProRuntime

extension AuthController {
    /// The password of every demo account.
    public static let demoPassword = "petpro-demo"

    /// Inserts the demo accounts, if there are no accounts yet.
    public func enterDemoUsers() async throws {
        guard try await database.isEmpty("users") else { return }
        let accounts: [(email: String, name: String, role: Role, state: UserState)] = [
            ("marigold@petpro.example", "Rosa Marigold", .vendor, .active),
            ("melati@petpro.example", "drh. Sari Melati", .vendor, .active),
            ("pfotenhof@petpro.example", "Anke Pfoten", .vendor, .active),
            ("quiettails@petpro.example", "Noah Quiet", .vendor, .active),
            ("maya@petpro.example", "Maya Ortiz", .customer, .active),
            ("dewi@petpro.example", "Dewi Lestari", .customer, .active),
            ("jonas@petpro.example", "Jonas Weber", .customer, .active),
            ("admin@petpro.example", "Admin", .admin, .active),
            ("ops@petpro.example", "Ops", .ops, .active),
        ]
        // All accounts share one hash, because nine hashes would take seconds.
        let password = try await hashedDemoPassword()
        let now = environment.now()
        try await database.write { transaction in
            guard try !transaction.exists("SELECT 1 FROM users LIMIT 1") else { return }
            for account in accounts {
                _ = try transaction.insertUser(
                    CreateUser(
                        email: account.email, password: Self.demoPassword, name: account.name, role: account.role),
                    state: account.state, password: password, at: now)
            }
        }
    }
}
