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

    /// Brings rows into the form in which new ones are stored, in the order of SQLite's row ids.
    ///
    /// Returns the last row that it looked at, or nil when there was none after `after`, and how many rows it changed. Rows
    /// of people who were erased stay as they are.
    func convert(in transaction: Transaction, after: Int, limit: Int) throws -> (last: Int?, changed: Int) {
        guard let keyStore = transaction.keyStore else { return (nil, 0) }
        let form = keyStore.store.protection.form
        let read = columns + (index.map { [$0.column] } ?? [])
        let keys = key.joined(separator: " || '/' || ")
        let entries = try transaction.rows(
            """
            SELECT rowid, CAST(\(keys) AS TEXT), \(subject), \(read.joined(separator: ", ")) FROM \(name)
            WHERE rowid > ? ORDER BY rowid LIMIT ?
            """, after, limit, read: self.read)
        var changed = 0
        for entry in entries {
            guard let subject = entry.subject, !(entry.texts + [entry.index]).allSatisfy({ isInForm($0, form) }) else {
                continue
            }
            if case .destroyed = try keyStore.find(subject) { continue }
            let row = SealedRow(self, row: entry.key, subject: subject)
            var values: [any SQLConvertible] = []
            for (column, text) in zip(columns, entry.texts) {
                let opened = try transaction.open(text, column, in: row)
                values.append(try transaction.seal(opened, column, in: row))
                if let index, index.of == column, let opened {
                    values.append(transaction.index(opened, in: self))
                }
            }
            var assigned = columns
            if let index, let at = columns.firstIndex(of: index.of) { assigned.insert(index.column, at: at + 1) }
            let sql = "UPDATE \(name) SET \(assigned.map { "\($0) = ?" }.joined(separator: ", ")) WHERE rowid = ?"
            try transaction.execute(sql, values + [entry.rowid])
            changed += 1
        }
        return (entries.last?.rowid, changed)
    }
}
