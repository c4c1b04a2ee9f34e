import CPostgres
import Foundation
import NIOCore

/// A connection to a schema of a PostgreSQL database, which is made again after it was lost.
final class PostgresConnection: Connection {
    private let target: PostgresTarget
    private var link: OpaquePointer?
    private var statements: [String: (name: String, count: Int)] = [:]
    private var made = 0
    private var lastChanges = 0
    /// A statement that goes with the next one, so that it costs no round trip of its own.
    private enum Waiting: Equatable {
        case text(String)
        case prepared(name: String, values: [String?])
    }

    private var queued: [Waiting] = []
    /// Answers to queries that were expected, and have not run.
    private var answers: [Asked: PostgresResult] = [:]

    private struct Asked: Hashable {
        let sql: String
        let values: [String?]
    }

    /// Whether a transaction was begun and not ended.
    private var isBegun = false
    /// Until when no further attempt to connect is made, and how many failed.
    private var retryAt = NIODeadline.uptimeNanoseconds(0)
    private var failures = 0
    private static let statementLimit = 512

    /// Connects. Throws ``EngineError``.
    init(_ target: PostgresTarget) throws {
        self.target = target
        super.init()
        try connect()
    }

    deinit { PQfinish(link) }

    override var prepared: [String] { Array(statements.keys) }
    override var changes: Int { lastChanges }

    override var isInTransaction: Bool {
        if !queued.isEmpty { return true }
        return switch PQtransactionStatus(link) {
        case PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_ACTIVE: true
        default: false
        }
    }

    // MARK: The link

    private func connect() throws {
        PQfinish(link)
        link = nil
        statements = [:]
        link = target.parameters.withCStrings { names, values in PQconnectdbParams(names, values, 1) }
        guard PQstatus(link) == CONNECTION_OK else {
            // Of a text that it cannot read, libpq repeats parts, a password perhaps.
            let message = PostgresTarget.parts(of: target.url) == nil ? target.description : linkMessage
            PQfinish(link)
            link = nil
            failures += 1
            retryAt = .now() + .milliseconds(min(2000, 50 << min(failures, 6)))
            throw EngineError(.unavailable, message)
        }
        failures = 0
        // The server's warnings come with errors too, which the caller gets.
        PQsetNoticeProcessor(link, { _, _ in }, nil)
    }

    /// Throws ``EngineError`` that says what to change if the server has no room for more connections.
    func requireRoom(for count: Int) throws {
        let sql = """
            SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                - (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
            """
        let left = try perform(sql, []) { statement in
            guard try statement.step() else { return 0 }
            var row = statement.row
            return try row.int()
        }
        guard left < count else { return }
        throw EngineError(
            .unavailable,
            "the server has \(max(0, left)) connections left, and this needs \(count) more: raise its max_connections")
    }

    private var linkMessage: String {
        let message = PQerrorMessage(link).map { String(cString: $0) } ?? ""
        return message.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Makes the connection again if it was lost, but not within a transaction, which is lost with it.
    private func ensure() throws {
        if PQstatus(link) == CONNECTION_OK { return }
        if isBegun { throw EngineError(.unavailable, "the connection was lost") }
        if NIODeadline.now() < retryAt { throw EngineError(.unavailable, "the database is not reachable") }
        try connect()
    }

    // MARK: Transactions

    override func begin(_ access: DatabaseJob.Access) throws {
        queued = []
        answers = [:]
        isBegun = false
        try ensure()
        isBegun = access != .bare
        switch access {
        case .read: queued = [.text(Self.beginReading)]
        // Like SQLite, a service has one writer at a time, so that no decision rests on what another writer changes. Later
        // statements see all that was committed before the lock.
        case .write:
            queued = [.text(Self.beginWriting), .text("SELECT pg_advisory_xact_lock(\(target.writeLock))")]
        case .bare: break
        }
    }

    private static let beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    private static let beginWriting = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

    /// Whether the transaction has not reached the server yet.
    private var isUnbegun: Bool {
        queued.first == .text(Self.beginReading) || queued.first == .text(Self.beginWriting)
    }

    override func commit(_ access: DatabaseJob.Access) throws {
        if access == .bare { return }
        defer { isBegun = false }
        // Nothing but reads of nothing, or closures that did nothing.
        if isUnbegun, !queued.contains(where: { if case .prepared = $0 { true } else { false } }) { return queued = [] }
        do {
            let result = try run("COMMIT")
            // The answer to a commit of a transaction that has failed.
            if String(cString: PQcmdStatus(result.pointer)) == "ROLLBACK" {
                throw EngineError(.other, "the transaction had failed", sql: "COMMIT")
            }
        } catch let error as EngineError where error.kind == .unavailable && access == .write {
            throw EngineError(.unknownOutcome, error.message)
        }
    }

    override func execute(_ sql: String) throws {
        if sql == "ROLLBACK" {
            isBegun = false
            let wasUnbegun = isUnbegun
            queued = []
            if wasUnbegun { return }
        }
        try ensure()
        try run(sql)
    }

    override func executeLater(_ sql: String, _ values: [any SQLConvertible] = []) throws {
        answers = [:]
        if values.isEmpty { return queued.append(.text(sql)) }
        try ensure()
        let (name, texts) = try bound(sql, values)
        queued.append(.prepared(name: name, values: texts))
    }

    override func expect(_ queries: [Query]) throws {
        try ensure()
        answers = [:]
        // Preparing the last of them must not drop the first.
        if statements.count + queries.count > Self.statementLimit { try forgetStatements() }
        let bound = try queries.map { query in
            let (name, texts) = try self.bound(query.sql, query.values)
            return (name, Asked(sql: query.sql, values: texts))
        }
        guard let last = bound.last else { return }
        let results = try pipeline(last.1.sql, bound.count) {
            bound.allSatisfy { name, asked in send(.prepared(name: name, values: asked.values)) }
        }
        for ((_, asked), result) in zip(bound, results) { answers[asked] = result }
    }

    /// Runs statements without values, after those that wait.
    @discardableResult
    private func run(_ sql: String) throws -> PostgresResult {
        answers = [:]
        if !queued.isEmpty { return try pipeline(sql, 1) { send(.text(sql)) }[0] }
        let result = PostgresResult(PQexec(link, sql))
        try check(result.pointer, sql)
        return result
    }

    private func send(_ statement: Waiting) -> Bool {
        switch statement {
        case .text(let sql): PQsendQueryParams(link, sql, 0, nil, nil, nil, nil, 0) == 1
        case .prepared(let name, let texts):
            texts.withCStrings { PQsendQueryPrepared(link, name, Int32(texts.count), $0, nil, nil, 1) } == 1
        }
    }

    /// Sends the statements that wait, and `count` more, and then reads their results. Returns those of the last `count`. Throws the
    /// first error.
    private func pipeline(_ sql: String, _ count: Int, _ send: () -> Bool) throws -> [PostgresResult] {
        let waiting = queued
        queued = []
        guard PQenterPipelineMode(link) == 1 else { throw failure(nil, sql) }
        defer {
            if PQexitPipelineMode(link) == 0 {
                // What was sent is not known, so the connection is of no use.
                PQfinish(link)
                link = nil
            }
        }
        var isSent = true
        for statement in waiting { isSent = isSent && self.send(statement) }
        isSent = isSent && send() && PQpipelineSync(link) == 1
        var results: [PostgresResult] = []
        var first: EngineError?
        while isSent {
            guard let pointer = PQgetResult(link) else {
                // A null ends the results of one statement.
                if PQstatus(link) != CONNECTION_OK { break }
                continue
            }
            let result = PostgresResult(pointer)
            switch PQresultStatus(pointer) {
            case PGRES_PIPELINE_SYNC: isSent = false
            case PGRES_PIPELINE_ABORTED: break
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK: results.append(result)
            default:
                if first != nil { break }
                var error = failure(pointer, sql)
                error.isOfEarlier = results.count < waiting.count
                first = error
            }
        }
        if let first { throw first }
        guard PQstatus(link) == CONNECTION_OK, results.count == waiting.count + count else { throw failure(nil, sql) }
        return Array(results.suffix(count))
    }

    private func check(_ result: OpaquePointer?, _ sql: String) throws {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return
        default: throw failure(result, sql)
        }
    }

    private func failure(_ result: OpaquePointer?, _ sql: String) -> EngineError {
        func field(_ name: Character) -> String? {
            PQresultErrorField(result, Int32(name.asciiValue ?? 0)).map { String(cString: $0) }
        }
        guard PQstatus(link) == CONNECTION_OK else { return EngineError(.unavailable, linkMessage, sql: sql) }
        let state = field("C") ?? ""
        let details = [field("M"), field("n").map { "constraint \($0)" }].compactMap { $0 }.joined(separator: ", ")
        return EngineError(Self.kind(state), "\(details.isEmpty ? linkMessage : details) (\(state))", sql: sql)
    }

    /// The kind of an error by its code (PostgreSQL's manual, appendix A).
    static func kind(_ state: String) -> EngineError.Kind {
        switch state {
        case "23502", "23503", "23505", "23514", "23P01": .constraint
        case "40001", "40P01": .conflict
        case "55P03", "57014", "53200", "53300", "53400": .busy
        case "53100": .full
        case "25P03", "25P04", "57P01", "57P02", "57P03", "57P05": .unavailable
        default: state.hasPrefix("08") ? .unavailable : .other
        }
    }

    // MARK: Statements

    override func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ body: (borrowing Statement) throws -> Value
    ) throws -> Value {
        try ensure()
        let (name, texts) = try bound(sql, values)
        let cursor = PostgresCursor(try result(sql, name, texts))
        lastChanges = cursor.changes
        return try body(Statement(.postgres(cursor)))
    }

    private func result(_ sql: String, _ name: String, _ texts: [String?]) throws -> PostgresResult {
        if !answers.isEmpty {
            if let answer = answers.removeValue(forKey: Asked(sql: sql, values: texts)) { return answer }
            // What is read after a write may differ.
            if !sql.hasPrefix("SELECT") { answers = [:] }
        }
        if !queued.isEmpty { return try pipeline(sql, 1) { send(.prepared(name: name, values: texts)) }[0] }
        let result = texts.withCStrings { values in
            PostgresResult(PQexecPrepared(link, name, Int32(texts.count), values, nil, nil, 1))
        }
        try check(result.pointer, sql)
        return result
    }

    /// Returns the name of a prepared statement, and its values as texts.
    private func bound(_ sql: String, _ values: [any SQLConvertible]) throws -> (name: String, texts: [String?]) {
        let statement = try prepare(sql)
        guard values.count == statement.count else {
            throw EngineError(.other, "\(values.count) values were given", sql: sql)
        }
        let texts = try values.map { value in
            let text = Self.text(value.sqlValue)
            if text?.utf8.contains(0) == true { throw EngineError(.other, "a text has a zero byte", sql: sql) }
            return text
        }
        return (statement.name, texts)
    }

    private func prepare(_ sql: String) throws -> (name: String, count: Int) {
        if let known = statements[sql] { return known }
        if statements.count >= Self.statementLimit { try forgetStatements() }
        let (text, count) = Self.numbered(sql)
        made += 1
        let name = "s\(made)"
        let result = PostgresResult(PQprepare(link, name, text, 0, nil))
        try check(result.pointer, sql)
        statements[sql] = (name, count)
        return (name, count)
    }

    private func forgetStatements() throws {
        // Statements that wait have their names, and go before.
        try run("DEALLOCATE ALL")
        statements = [:]
    }

    /// Returns a statement with `$1`, `$2` … in place of each `?` that is not within quotes, and their number.
    static func numbered(_ sql: String) -> (text: String, count: Int) {
        var text = ""
        var count = 0
        var isQuoted = false
        for character in sql {
            if character == "'" { isQuoted.toggle() }
            if character == "?", !isQuoted {
                count += 1
                text += "$\(count)"
            } else {
                text.append(character)
            }
        }
        return (text, count)
    }

    /// A value in the text format, which PostgreSQL reads as the type that the statement needs. Nil for null.
    private static func text(_ value: SQLValue) -> String? {
        switch value {
        case .null: nil
        case .integer(let value): String(value)
        case .real(let value): "\(value)"
        case .text(let value): value
        case .blob(let bytes): "\\x" + ByteBuffer(bytes: bytes).hexDump(format: .compact)
        }
    }

    // MARK: What differs between engines

    // A column has one type. A text that is not sealed begins with 0, which no sealed value does.
    override func plain(_ text: String) -> SQLValue { .blob([0] + Array(text.utf8)) }

    override func isSealed(_ column: String, _ isSealed: Bool) -> String {
        "substr(\(column), 1, 1) \(isSealed ? "<>" : "=") '\\x00'::bytea"
    }

    override func tables() throws -> [String] {
        try texts("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    }

    override func idsWereChosen(in table: String) throws {
        try perform(
            "SELECT setval(pg_get_serial_sequence(?, 'id'), (SELECT MAX(id) FROM \(table)))", [table]
        ) { try $0.finish() }
    }

    override func nextID(of table: String, above least: Int) throws -> Int {
        func number(_ query: Query) throws -> Int {
            try perform(query.sql, query.values) { statement in
                guard try statement.step() else { return 0 }
                var row = statement.row
                return try row.int()
            }
        }
        let next = try number(Self.next(table))
        if next > least { return next }
        return try number(Query("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", table, least + 1))
    }

    override func queryOfNextID(of table: String) -> Query? { Self.next(table) }

    private static func next(_ table: String) -> Query {
        Query("SELECT nextval(pg_get_serial_sequence(?, 'id'))", table)
    }
}
