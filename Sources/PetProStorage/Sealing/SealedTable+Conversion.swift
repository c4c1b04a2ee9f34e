import Rookery

extension SealedTable {
    private struct Entry {
        var rowid: Int
        var key: String
        var subject: Int?
        var texts: [StoredText]
        var index: StoredText
    }

    private func isInForm(_ text: StoredText, _ form: Protection.Form) -> Bool {
        switch text {
        case .null: true
        case .plain: form == .plain
        case .sealed: form == .sealed
        }
    }

    private func read(_ row: inout Row) throws -> Entry {
        var entry = Entry(
            rowid: try row.int(), key: try row.text(), subject: try row.optionalInt(), texts: [], index: .null)
        for _ in columns { entry.texts.append(try row.stored()) }
        if index != nil { entry.index = try row.stored() }
        return entry
    }

    /// Brings rows into the form in which new ones are stored, in the order of their row ids.
    ///
    /// Returns the last row that it looked at, or nil when there was none after `after`, how many rows it changed, and the
    /// keys of rows that cannot be read. Rows of people who were erased stay as they are.
    func convert(
        in transaction: Transaction, after: Int, limit: Int
    ) throws -> (last: Int?, changed: Int, left: [String]) {
        guard let keyStore = transaction.keyStore else { return (nil, 0, []) }
        let form = keyStore.store.protection.form
        let read = columns + (index.map { [$0.column] } ?? [])
        let keys = key.joined(separator: " || '/' || ")
        let entries = try transaction.rows(
            """
            SELECT rowid, CAST(\(keys) AS TEXT), \(subject), \(read.joined(separator: ", ")) FROM \(name)
            WHERE rowid > ? ORDER BY rowid LIMIT ?
            """, after, limit, read: self.read)
        var changed = 0
        var left: [String] = []
        for entry in entries {
            guard let subject = entry.subject, !(entry.texts + [entry.index]).allSatisfy({ isInForm($0, form) }) else {
                continue
            }
            let values: [any SQLConvertible]
            do {
                if case .destroyed = try keyStore.find(subject) { continue }
                if try transaction.isErased(subject) { continue }
                values = try self.values(of: entry, SealedRow(self, row: entry.key, subject: subject), in: transaction)
            } catch is Unreadable {
                left.append(entry.key)
                continue
            }
            var assigned = columns
            if let index, let at = columns.firstIndex(of: index.of) { assigned.insert(index.column, at: at + 1) }
            let sql = "UPDATE \(name) SET \(assigned.map { "\($0) = ?" }.joined(separator: ", ")) WHERE rowid = ?"
            try transaction.execute(sql, values + [entry.rowid])
            changed += 1
        }
        return (entries.last?.rowid, changed, left)
    }

    private func values(
        of entry: Entry, _ row: SealedRow, in transaction: Transaction
    ) throws -> [any SQLConvertible] {
        var values: [any SQLConvertible] = []
        for (column, text) in zip(columns, entry.texts) {
            let opened = try transaction.open(text, column, in: row)
            values.append(try transaction.seal(opened, column, in: row))
            if let index, index.of == column, let opened { values.append(transaction.index(opened, in: self)) }
        }
        return values
    }

    // MARK: Progress

    private func progress(in transaction: Transaction, _ form: Protection.Form) throws -> (upto: Int, isDone: Bool) {
        try transaction.row("SELECT upto, is_done FROM sealing WHERE name = ? AND form = ?", name, form.rawValue) {
            (try $0.int(), try $0.bool())
        } ?? (0, false)
    }

    private func setProgress(
        in transaction: Transaction, _ form: Protection.Form, upto: Int, isDone: Bool
    ) throws {
        try transaction.execute(
            """
            INSERT INTO sealing (name, form, upto, is_done) VALUES (?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET form = excluded.form, upto = excluded.upto, is_done = excluded.is_done
            """, name, form.rawValue, upto, isDone)
    }

    /// Whether all rows were brought into a form. The database itself says so, since a backup may be from before.
    func isDone(in transaction: Transaction, _ form: Protection.Form) throws -> Bool {
        try progress(in: transaction, form).isDone
    }

    /// Whether a row has a value in the other form than new rows.
    func hasOtherForm(in transaction: Transaction) throws -> Bool {
        guard let form = transaction.keyStore?.store.protection.form else { return false }
        let conditions = columns.map { transaction.connection.isSealed($0, form == .plain) }.joined(separator: " OR ")
        let erased = "\(subject) IN (SELECT subject FROM erasures)"
        return try transaction.exists("SELECT 1 FROM \(name) WHERE (\(conditions)) AND NOT \(erased) LIMIT 1")
    }

    func beginAgainIfDone(in transaction: Transaction, _ form: Protection.Form) throws {
        if try isDone(in: transaction, form) { try setProgress(in: transaction, form, upto: 0, isDone: false) }
    }

    /// Rewrites the next rows, and notes in the same transaction how far it is.
    func convertNext(
        in transaction: Transaction, _ form: Protection.Form, limit: Int
    ) throws -> (changed: Int, left: [String], isDone: Bool) {
        let upto = try progress(in: transaction, form).upto
        let step = try convert(in: transaction, after: upto, limit: limit)
        try setProgress(in: transaction, form, upto: step.last ?? upto, isDone: step.last == nil)
        return (step.changed, step.left, step.last == nil)
    }
}
