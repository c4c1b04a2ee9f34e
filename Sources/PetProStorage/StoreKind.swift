import Rookery

/// Whether a database holds demo data or a platform's own.
///
/// Demo accounts have a password that is published. So a database is of one kind for as long as it exists, and a
/// program that is to run the other kind does not open it.
public enum StoreKind: String, Sendable {
    case demo, live

    /// A database that holds the other kind of data.
    public struct Mismatch: Error, CustomStringConvertible {
        /// What it holds.
        public let found: StoreKind

        /// Says so, with the next step.
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
    /// Marks a database that has no mark as of a kind, or looks whether its mark says so. Throws ``StoreKind/Mismatch``.
    public func claim(_ kind: StoreKind) async throws {
        let found = try await read { try $0.storeKind() }
        if let found {
            if found != kind { throw StoreKind.Mismatch(found: found) }
            return
        }
        try await write { transaction in
            try transaction.execute("INSERT OR IGNORE INTO store_kind (id, kind) VALUES (1, ?)", kind.rawValue)
            if let found = try transaction.storeKind(), found != kind { throw StoreKind.Mismatch(found: found) }
        }
    }
}

extension Transaction {
    fileprivate func storeKind() throws -> StoreKind? {
        try row("SELECT kind FROM store_kind WHERE id = 1") { try $0.value() }
    }
}
