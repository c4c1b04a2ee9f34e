import CPostgres

// Statements are prepared once for each connection.
extension PostgresConnection {
    /// Returns the name of a prepared statement, and its values as texts.
    func bound(_ sql: String, _ values: [any SQLConvertible]) throws -> (name: String, texts: [String?]) {
        let statement = try prepare(sql)
        return (statement.name, try texts(values, for: sql, statement.count))
    }

    /// Returns the values of a statement as texts.
    func texts(_ values: [any SQLConvertible], for sql: String) throws -> [String?] {
        try texts(values, for: sql, try prepare(sql).count)
    }

    private func texts(_ values: [any SQLConvertible], for sql: String, _ count: Int) throws -> [String?] {
        guard values.count == count else {
            throw EngineError(.other, "\(values.count) values were given", sql: sql)
        }
        return try values.map { value in
            let text = Self.text(value.sqlValue)
            if text?.hasZeroByte == true { throw EngineError(.other, "a text has a zero byte", sql: sql) }
            return text
        }
    }

    func prepare(_ sql: String) throws -> PreparedStatements.Prepared {
        if let known = statements[sql] { return known }
        if statements.isFull {
            // Statements that wait have their names, and go before.
            try run("DEALLOCATE ALL")
            statements.forget()
        }
        let (text, count) = Self.numbered(sql)
        let prepared = (name: try prepare(text, as: sql), count: count)
        statements[sql] = prepared
        return prepared
    }

    /// Prepares a text, and returns its name. Errors show `sql`.
    private func prepare(_ text: String, as sql: String) throws -> String {
        // A pipeline takes no such request.
        try settle()
        let name = statements.newName()
        try check(PostgresResult(PQprepare(link, name, text, 0, nil)).pointer, sql)
        return name
    }

    /// Returns queries as one prepared statement. Nil when they cannot be joined, and then each has to run by itself.
    func join(_ queries: [String]) throws -> (name: String, joined: JoinedQueries)? {
        if let known = statements[queries: queries] { return known }
        if statements.isFull { return nil }
        let shapes = try queries.map { sql in
            let name = try prepare(sql).name
            try settle()
            let result = PostgresResult(PQdescribePrepared(link, name))
            try check(result.pointer, sql)
            return (0..<PQnfields(result.pointer)).map {
                (String(cString: PQfname(result.pointer, $0)), PQftype(result.pointer, $0))
            }
        }
        guard let joined = JoinedQueries(queries, shapes: shapes) else { return nil }
        let prepared = (try prepare(joined.sql, as: joined.sql), joined)
        statements[queries: queries] = prepared
        return prepared
    }

    /// Returns the statements that wait, with inserts into different tables that follow each other as one statement.
    ///
    /// They take the server half the time then. None of them sees what another one inserts.
    func joined(_ waiting: [WaitingStatement]) throws -> [WaitingStatement] {
        var result: [WaitingStatement] = []
        var inserts: [WaitingStatement] = []
        var tables: Set<Substring> = []
        func finish() throws {
            if let joined = try join(inserts) { result.append(joined) } else { result += inserts }
            inserts = []
            tables = []
        }
        for statement in waiting {
            guard let table = statement.insertedTable else {
                try finish()
                result.append(statement)
                continue
            }
            if !tables.insert(table).inserted {
                try finish()
                tables = [table]
            }
            inserts.append(statement)
        }
        try finish()
        return result
    }

    private func join(_ inserts: [WaitingStatement]) throws -> WaitingStatement? {
        guard inserts.count > 1 else { return nil }
        let texts = inserts.map(\.sql)
        let values = inserts.flatMap { statement in
            if case .prepared(_, _, let values) = statement { values } else { [String?]() }
        }
        if let known = statements[inserts: texts] { return .prepared(name: known.name, sql: known.sql, values: values) }
        if statements.isFull { return nil }
        var count = 0
        let parts = texts.map { sql in
            let (text, more) = Self.numbered(sql, from: count)
            count += more
            return text
        }
        let others = parts.dropLast().enumerated().map { "w\($0) AS (\($1))" }.joined(separator: ", ")
        let sql = "WITH \(others) \(parts.last ?? "")"
        let name = try prepare(sql, as: sql)
        statements[inserts: texts] = (name, sql)
        return .prepared(name: name, sql: sql, values: values)
    }
}
