import PetProContracts
public import Rookery

extension Transaction {
    /// Returns the value to store for a personal text: sealed with the person's data key, which is made if there is none.
    ///
    /// Without a key store, and in plain form, it is the text itself. Throws `USER_NOT_FOUND` for an erased person,
    /// ``Unreadable`` when the data key cannot be opened, and the error of the engine.
    public func seal(_ text: String?, _ column: String, in row: SealedRow) throws -> SQLValue {
        guard let text else { return .null }
        guard let key = try dataKey(of: row.subject), let keyStore else { return plain(text) }
        return .blob(try key.seal(text.utf8, at: path(column, row, keyStore)))
    }

    /// Returns the value to store for a text about a person, as ``seal(_:_:in:)`` does. For a person with a receipt the text is
    /// dropped. Throws as ``seal(_:_:in:)`` does; so for a person whom a backup brought back, until that is erased again.
    public func sealUnlessErased(_ text: String?, _ column: String, in row: SealedRow) throws -> SQLValue {
        try isErased(row.subject) ? .null : try seal(text, column, in: row)
    }

    /// Returns a personal text, in whichever form it is stored. Nil when there is none, or when the person's data key was
    /// destroyed.
    ///
    /// Throws ``Unreadable`` when the value is damaged, was moved, or cannot be opened with the person's key.
    public func open(_ stored: StoredText, _ column: String, in row: SealedRow) throws -> String? {
        switch stored {
        case .null: return nil
        case .plain(let text): return text
        case .sealed(let bytes):
            guard let keyStore else { throw Unreadable() }
            let place = path(column, row, keyStore)
            if let key = dataKeys[row.subject] {
                return String(decoding: try key.open(bytes, at: place), as: UTF8.self)
            }
            switch try keyStore.find(row.subject) {
            case .destroyed: return nil
            case .none: throw Unreadable()
            case .key(let key):
                dataKeys[row.subject] = key
                return String(decoding: try key.open(bytes, at: place), as: UTF8.self)
            }
        }
    }

    private func path(_ column: String, _ row: SealedRow, _ keyStore: KeyStoreConnection) -> FieldPath {
        FieldPath(
            service: keyStore.store.protection.service, table: row.table.name, column: column, row: row.row,
            subject: row.subject)
    }

    /// Returns the value by which a column with personal data stores a text that tells nothing about a person.
    public func plain(_ text: String) -> SQLValue { connection.plain(text) }

    // MARK: Indexes

    /// Returns the value of a table's blind index for a text: the HMAC-SHA256 of the text's form. Without a key store, and
    /// in plain form, it is the form itself.
    public func index(_ text: String, in table: SealedTable) -> SQLValue {
        let (sealed, plain) = indexes(text, in: table)
        return keyStore?.store.protection.form == .sealed ? sealed : plain
    }

    /// Returns the two values that a table's blind index may have for a text. Rows that the background work has not reached
    /// yet have the plain one.
    public func indexes(_ text: String, in table: SealedTable) -> (sealed: SQLValue, plain: SQLValue) {
        guard let index = table.index else { return (.null, .null) }
        let form = index.form(text)
        guard let keyStore else { return (plain(form), plain(form)) }
        return (.blob(keyStore.store.index("\(table.name).\(index.column)", form)), plain(form))
    }

    /// Returns a digest from which the text cannot be guessed: an HMAC-SHA256 in hexadecimal, with a key for each use.
    /// Without a key store it is the SHA-256.
    public func digest(_ text: String, as use: String) -> String {
        guard let keyStore else { return IdempotencyKey.digest(text) }
        return Hexadecimal.text(keyStore.store.index(use, text))
    }

    // MARK: Rows

    /// Returns the id for the next row of a table, before it is inserted: a sealed value's path has the row's id.
    ///
    /// Call it in a write transaction, and insert the row with that id. `isSubject` says that the ids are those of people:
    /// then it is above every id that the key store knows. So a restored backup gives no id to a second person. Throws the
    /// error of the engine.
    public func nextID(in table: SealedTable, isSubject: Bool = false) throws -> Int {
        try connection.nextID(of: table.name, above: isSubject ? try keyStore?.lastSubject() ?? 0 : 0)
    }

    /// Notes that rows of a table were inserted with ids of the caller's choice, so that the next ids are above them. Call it in
    /// the same transaction. Throws the error of the engine.
    public func idsWereChosen(in table: String) throws { try connection.idsWereChosen(in: table) }

    /// Returns whether a person has a receipt. Throws the error of the engine.
    public func isErased(_ subject: Int) throws -> Bool {
        try exists(Self.erasure(subject))
    }

    private static func erasure(_ subject: Int) -> Query { Query("SELECT 1 FROM erasures WHERE subject = ?", subject) }

    /// Reads a person's data key, and makes it if there is none, before the first ``seal(_:_:in:)`` needs it. Throws as that does.
    public func prepareSealing(for subject: Int) throws {
        _ = try dataKey(of: subject)
    }

    /// Returns the person's data key, and makes it if there is none. Nil without a key store, and in plain form even if a key was
    /// opened before. Throws `USER_NOT_FOUND` if the person was erased.
    private func dataKey(of subject: Int) throws -> SealingKey? {
        let known = dataKeys[subject]
        if known == nil, try isErased(subject) { throw RemoteError(.userNotFound, "This account was erased.") }
        guard let keyStore, keyStore.store.protection.form == .sealed else { return nil }
        let key = try known ?? keyStore.dataKey(of: subject)
        dataKeys[subject] = key
        return key
    }

    /// The queries of ``prepareSealing(for:)``.
    public func sealingQueries(_ subject: Int) -> [Query?] { [Self.erasure(subject), keyStore?.query(subject)] }

    /// The query of ``nextID(in:isSubject:)`` for rows that are no people. Nil if the engine needs none.
    public func nextIDQuery(in table: SealedTable) -> Query? { connection.queryOfNextID(of: table.name) }

    /// Notes that a person was erased: this is the receipt. After the commit, the person's data key is destroyed, and the
    /// kept replies are gone. Throws the error of the engine.
    public func noteErasure(of subject: Int, at now: Instant) throws {
        dataKeys[subject] = nil
        try IdempotencyKey.forget(subject: subject, in: self)
        try execute(
            "INSERT INTO erasures (subject, erased_at) VALUES (?, ?) ON CONFLICT (subject) DO NOTHING", subject, now)
        erased()
    }
}
