import Rookery

/// The kind of data in a database: demo data, or a platform's own.
///
/// The password of demo accounts is public. So a database never changes its kind, and a program that runs the other
/// kind does not open it.
public enum StoreKind: String, Sendable {
    case demo, live

    /// The database holds the other kind of data.
    public struct Mismatch: Error, CustomStringConvertible {
        /// The kind that the database holds.
        public let found: StoreKind

        /// The message for the operator, with the next step.
        public var description: String {
            switch found {
            case .demo:
                "it holds demo data, whose passwords are public: start with --demo, or choose another folder with --data"
            case .live: "it holds a platform's own data: start without --demo, or choose another folder with --data"
            }
        }
    }
}

extension Database {
    /// Marks an unmarked database with a kind. Throws ``StoreKind/Mismatch`` when the database has the other mark.
    public func claim(_ kind: StoreKind) async throws {
        let found = try await read { try $0.storeKind() }
        if let found {
            if found != kind { throw StoreKind.Mismatch(found: found) }
            return
        }
        try await write { transaction in
            try transaction.execute(
                "INSERT INTO store_kind (id, kind) VALUES (1, ?) ON CONFLICT DO NOTHING", kind.rawValue)
            if let found = try transaction.storeKind(), found != kind { throw StoreKind.Mismatch(found: found) }
        }
    }
}

extension Transaction {
    fileprivate func storeKind() throws -> StoreKind? {
        try row("SELECT kind FROM store_kind WHERE id = 1") { try $0.value() }
    }
}
