public import PetProContracts

/// The vendors that are not active, as far as a service was told by Vendor's events.
///
/// A service that marks what belongs to such a vendor looks into the table `inactive_vendors` for each new row, because the row may
/// come after the event, though Vendor was asked before it.
public enum InactiveVendors {
    /// The step of a schema that makes the table.
    public static func migration(_ name: String) -> Migration {
        let sql = "CREATE TABLE inactive_vendors (vendor_id INTEGER PRIMARY KEY)"
        return Migration(name, sql, postgres: Migration.postgresTypes(sql))
    }
}

extension Transaction {
    /// Keeps what an event says about a vendor for ``InactiveVendors``. Throws the error of the engine.
    public func keep(_ change: VendorStatusChanged) throws {
        try execute(
            change.to == .active
                ? "DELETE FROM inactive_vendors WHERE vendor_id = ?"
                : "INSERT INTO inactive_vendors (vendor_id) VALUES (?) ON CONFLICT DO NOTHING", change.vendorId)
    }
}
