import CPostgres

// Statements go to the server in pipeline mode (PostgreSQL's manual, chapter 34.5): several share a round trip, and the server works
// while the caller does.
extension PostgresConnection {
    /// Whether other statements go before the next one.
    var mustWait: Bool { !queued.isEmpty || isPipelined }

    /// Whether a pipeline was begun and not ended.
    private var isPipelined: Bool { PQpipelineStatus(link) != PQ_PIPELINE_OFF }

    // MARK: Expected queries

    /// Has the queries of a part answered, and sends those of the next one.
    func answer(_ own: ReadAhead, before next: ReadAhead?, in transaction: Transaction) throws {
        try ensure()
        answers = [:]
        let asked = try asked(own.queries(transaction))
        let early = ahead?.asked == asked ? ahead : nil
        ahead = nil
        // What has to be prepared is prepared before anything is sent.
        guard let answer = try early ?? self.answer(to: asked) else { return }
        let following = try next.flatMap { try self.answer(to: try self.asked($0.queries(transaction))) }
        if early == nil || following != nil {
            try submitQueued()
            if early == nil { try submit(answer) }
            if let following { try submit(following) }
            try submitMark(answer.joined.sql)
        }
        ahead = following
        while answer.statement.result == nil {
            guard let (statement, error) = receive() else { throw interrupted(answer.joined.sql) }
            guard var error else { continue }
            error.isOfEarlier = statement !== answer.statement
            hasFailedWaiting = true
            // The first error says what is wrong. Those after it only follow from it.
            try? settle()
            throw error
        }
        answers = answer.answers
    }

    func asked(_ queries: [Query]) throws -> [AskedQuery] {
        try queries.map { AskedQuery(sql: $0.sql, values: try texts($0.values, for: $0.sql)) }
    }

    /// Returns queries as one statement that can be sent. Nil if they cannot be joined.
    private func answer(to asked: [AskedQuery]) throws -> AheadAnswer? {
        try join(asked.map(\.sql)).map { AheadAnswer(asked, $0.name, $0.joined) }
    }

    private func submit(_ answer: AheadAnswer) throws {
        let values = answer.asked.flatMap(\.values)
        try submit(.prepared(name: answer.name, sql: answer.joined.sql, values: values), answer.statement)
    }

    // MARK: Sending and receiving

    /// Sends the statements that wait, and one more, and reads all results. Returns that of the last one. Throws the first error.
    func pipeline(_ last: WaitingStatement) throws -> PostgresResult {
        try submitQueued()
        let statement = UnderwayStatement(last.sql)
        try submit(last, statement)
        try settle(statement)
        guard let result = statement.result else { throw interrupted(last.sql) }
        return result
    }

    /// Ends the pipeline, and reads the results of all that is under way. Throws the first error, and notes if it is not of `last`.
    func settle(_ last: UnderwayStatement? = nil) throws {
        guard isPipelined else { return }
        let final = last?.sql ?? underway.last?.sql ?? ""
        try submitMark(final)
        var first: EngineError?
        while !underway.isEmpty {
            guard let (statement, error) = receive() else {
                // A server that ends the connection may have said why.
                let lost = interrupted(final)
                throw first ?? lost
            }
            if first != nil { continue }
            first = error
            first?.isOfEarlier = statement !== last
            if first?.isOfEarlier == true { hasFailedWaiting = true }
        }
        if PQexitPipelineMode(link) == 0 {
            let lost = interrupted(final)
            throw first ?? lost
        }
        if let first { throw first }
    }

    /// Has the server answer what was sent, and count the time that passes then as time in which the transaction is idle: it ends a
    /// transaction whose program has stalled.
    private func submitMark(_ sql: String) throws {
        guard PQpipelineSync(link) == 1 else { throw interrupted(sql) }
        underway.append(UnderwayStatement(nil))
    }

    private func submitQueued() throws {
        noteSending()
        let waiting: [WaitingStatement]
        do {
            defer { queued = [] }
            // This may have to prepare one, which ends the pipeline.
            waiting = try joined(queued)
        } catch {
            hasFailedWaiting = true
            throw error
        }
        for statement in waiting { try submit(statement, UnderwayStatement(statement.sql)) }
    }

    private func submit(_ statement: WaitingStatement, _ underway: UnderwayStatement) throws {
        guard isPipelined || PQenterPipelineMode(link) == 1 else {
            throw interrupted(statement.sql)
        }
        self.underway.append(underway)
        let isSent =
            switch statement {
            case .mark(let sql): PQsendQueryParams(link, sql, 0, nil, nil, nil, nil, 0)
            case .prepared(let name, _, let texts):
                texts.withCStrings { PQsendQueryPrepared(link, name, Int32(texts.count), $0, nil, nil, 1) }
            }
        if isSent != 1 { throw interrupted(statement.sql) }
    }

    /// Reads the result of the oldest statement that is under way. Returns the statement, and its error. Nil if there is no result,
    /// because the connection is lost.
    private func receive() -> (statement: UnderwayStatement, error: EngineError?)? {
        guard let statement = underway.first, let result = nextResult() else { return nil }
        underway.removeFirst()
        switch PQresultStatus(result.pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: statement.result = result
        case PGRES_PIPELINE_SYNC: break
        // An earlier one has failed.
        case PGRES_PIPELINE_ABORTED: break
        default: return (statement, failure(result.pointer, statement.sql ?? ""))
        }
        return (statement, nil)
    }

    private func nextResult() -> PostgresResult? {
        // A null ends the results of one statement.
        (PQgetResult(link) ?? PQgetResult(link)).map { PostgresResult($0) }
    }

    /// Gives up the connection: it is lost, or what it would say next is not known. Returns the error.
    private func interrupted(_ sql: String) -> EngineError {
        let error = failure(nil, sql)
        hasFailedWaiting = true
        (underway, ahead) = ([], nil)
        PQfinish(link)
        link = nil
        return error
    }
}
