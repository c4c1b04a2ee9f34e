package import RookeryWire

/// The service keys that a server accepts: their public halves. All servers of a system may share one.
///
/// As JSON: `{"keys": [{id, service, publicKey, scopes, createdAt, notAfter?, revokedAt?}]}`. A keyring that is stolen
/// lets no peer in.
package struct Keyring: Sendable, Hashable {
    /// A value is not a keyring.
    package struct Malformed: Error, CustomStringConvertible {
        /// Names what is wrong.
        package let description: String
    }

    /// The records, in the order of the file.
    package private(set) var records: [KeyRecord] = []

    /// Makes an empty keyring, which lets no peer in.
    package init() {}

    /// Reads a keyring. Throws ``Malformed``.
    package init(_ value: JSONValue) throws(Malformed) {
        guard let entries = value["keys"]?.arrayValue else {
            throw Malformed(description: "a keyring is a JSON object with the member keys")
        }
        for (at, entry) in entries.enumerated() {
            let (record, wrong) = KeyRecord.read(entry)
            guard let record else { throw Malformed(description: "keys[\(at)].\(wrong) is missing or malformed") }
            guard self[record.id] == nil else { throw Malformed(description: "keys[\(at)].id is there twice") }
            records.append(record)
        }
    }

    /// The keyring as a JSON object.
    package var jsonValue: JSONValue { ["keys": .array(records.map(\.jsonValue))] }

    /// The record of a key.
    package subscript(id: String) -> KeyRecord? { records.first { $0.id == id } }

    /// Adds a record. Returns false, and changes nothing, if there is one with this id.
    package mutating func add(_ record: KeyRecord) -> Bool {
        guard self[record.id] == nil else { return false }
        records.append(record)
        return true
    }

    /// Changes the record of a key. Returns false if there is none.
    package mutating func update(_ id: String, _ change: (inout KeyRecord) -> Void) -> Bool {
        guard let at = records.firstIndex(where: { $0.id == id }) else { return false }
        change(&records[at])
        return true
    }
}
