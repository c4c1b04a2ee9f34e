import CPostgres
import Foundation
import NIOCore

/// A connection to a schema of a PostgreSQL database, which is made again after it was lost.
final class PostgresConnection: Connection {
    private let target: PostgresTarget
    var link: OpaquePointer?
    var statements = PreparedStatements()
    private var lastChanges = 0
    var queued: [WaitingStatement] = []
    /// What was sent, and has not been answered.
    var underway: [UnderwayStatement] = []
    /// Answers to queries that were expected, and have not run.
    var answers: [AskedQuery: PostgresAnswer] = [:]
    /// The answer to the queries of the next part.
    var ahead: AheadAnswer?

    var hasFailedWaiting = false
    private var part = TransactionPart()
    /// How many transactions have begun since the connection was made, and after how many the server plans all statements anew.
    private var transactions = 0
    private var plansAnewAfter = 64

    /// Whether a transaction was begun and not ended.
    private var isBegun = false
    /// Until when no further attempt to connect is made, and how many failed.
    private var retryAt = NIODeadline.uptimeNanoseconds(0)
    private var failures = 0
    /// Connects. Throws ``EngineError``.
    init(_ target: PostgresTarget) throws {
        self.target = target
        super.init()
        try connect()
    }

    deinit { PQfinish(link) }

    override var prepared: [String] { statements.texts }
    override var changes: Int { lastChanges }

    override var isInTransaction: Bool {
        if mustWait { return true }
        return switch PQtransactionStatus(link) {
        case PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_ACTIVE: true
        default: false
        }
    }

    // MARK: The link

    private func connect() throws {
        PQfinish(link)
        link = nil
        statements = PreparedStatements()
        (underway, ahead) = ([], nil)
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
        (transactions, plansAnewAfter) = (0, 64)
        // The server's warnings come with errors too, which the caller gets.
        PQsetNoticeProcessor(link, { _, _ in }, nil)
    }

    var linkMessage: String {
        let message = PQerrorMessage(link).map { String(cString: $0) } ?? ""
        return message.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Makes the connection again if it was lost, but not within a transaction, which is lost with it.
    func ensure() throws {
        if PQstatus(link) == CONNECTION_OK { return }
        if isBegun { throw EngineError(.unavailable, "the connection was lost") }
        if NIODeadline.now() < retryAt { throw EngineError(.unavailable, "the database is not reachable") }
        try connect()
    }

    // MARK: Transactions

    override func begin(_ access: DatabaseJob.Access) throws {
        queued = []
        (answers, ahead) = ([:], nil)
        isBegun = false
        hasFailedWaiting = false
        part = TransactionPart()
        try ensure()
        isBegun = access != .bare
        switch access {
        case .read: queued = [.mark(Self.beginReading)]
        // Like SQLite, a service has one writer at a time, so that no decision rests on what another writer changes. Later
        // statements see all that was committed before the lock.
        case .write:
            queued = [.mark(Self.beginWriting), .mark("SELECT pg_advisory_xact_lock(\(target.writeLock))")]
        case .bare: return
        }
        transactions += 1
        if transactions == plansAnewAfter { planAnew() }
    }

    /// Has the server plan all statements anew after 64 transactions, 128, 256 and so on. A plan that was made for small tables may
    /// read a whole index, and the server keeps it until it has counted the rows, up to a minute later.
    private func planAnew() {
        plansAnewAfter *= 2
        queued.append(.mark("DISCARD PLANS"))
    }

    private static let beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    private static let beginWriting = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

    /// Whether the transaction has not reached the server yet.
    private var isUnbegun: Bool {
        queued.first == .mark(Self.beginReading) || queued.first == .mark(Self.beginWriting)
    }

    override func commit(_ access: DatabaseJob.Access) throws {
        if access == .bare { return }
        defer { isBegun = false }
        // Closures that did nothing.
        if isUnbegun, queued.allSatisfy({ if case .mark = $0 { true } else { false } }) { return queued = [] }
        // A closure may have caught the error. The transaction is not whole, or has not even begun.
        if hasFailedWaiting { throw EngineError(.other, "a statement that had waited failed", sql: "COMMIT") }
        // What goes wrong before anything is sent leaves no doubt.
        do {
            queued = try joined(queued)
        } catch {
            hasFailedWaiting = true
            throw error
        }
        let result: PostgresResult
        do {
            result = try run("COMMIT")
        } catch let error as EngineError where access == .write {
            // The server refused an earlier statement, and so did not come to the commit.
            if error.isOfEarlier, error.isAnswered { throw error }
            if error.kind == .unavailable || !error.isAnswered { throw EngineError(.unknownOutcome, error.message) }
            throw error
        }
        // The answer to a commit of a transaction that has failed.
        if String(cString: PQcmdStatus(result.pointer)) == "ROLLBACK" {
            throw EngineError(.other, "the transaction had failed", sql: "COMMIT")
        }
    }

    override func execute(_ sql: String) throws {
        if sql == "ROLLBACK" {
            isBegun = false
            let wasUnbegun = isUnbegun
            queued = []
            if wasUnbegun { return }
            // Whatever it says, it is undone.
            try? settle()
        }
        try ensure()
        try run(sql)
    }

    override var hasFailedLater: Bool { hasFailedWaiting }

    override var hasCheapParts: Bool { true }

    override func beginPart() throws {
        answers = [:]
        part = TransactionPart(isOpen: true, queuedBefore: queued.count)
    }

    override func undoPart() throws -> Bool {
        answers = [:]
        // After an error the server takes nothing but a rollback.
        if part.isUnprotected || !part.hasSavepoint && PQtransactionStatus(link) == PQTRANS_INERROR { return false }
        if part.hasSavepoint {
            try run("ROLLBACK TO part")
        } else {
            // Nothing of it was sent.
            queued.removeSubrange(min(part.queuedBefore, queued.count)...)
        }
        return true
    }

    override func endPart() throws {
        answers = [:]
        if part.hasSavepoint { queued.append(.mark("RELEASE part")) }
        part = TransactionPart()
    }

    /// Sets the savepoint of the part before its first write that the closure waits for.
    private func protect(_ sql: String) {
        if !part.isOpen || part.hasSavepoint || part.isUnprotected || sql.hasPrefix("SELECT") { return }
        part.hasSavepoint = true
        queued.insert(.mark("SAVEPOINT part"), at: min(part.queuedBefore, queued.count))
    }

    /// Notes that all that waits is sent.
    func noteSending() {
        // A savepoint goes before the part's own writes, which are the ones that wait behind it.
        if part.isOpen, !part.hasSavepoint, queued.count > part.queuedBefore { part.isUnprotected = true }
        part.queuedBefore = 0
    }

    override func executeLater(_ sql: String, _ values: [any SQLConvertible]) throws {
        // Outside a transaction nothing would send it.
        guard isBegun else { return try perform(sql, values) { try $0.finish() } }
        answers = [:]
        try ensure()
        let (name, texts) = try bound(sql, values)
        queued.append(.prepared(name: name, sql: sql, values: texts))
    }

    override func expect(_ own: ReadAhead, before next: ReadAhead?, in transaction: Transaction) throws {
        try answer(own, before: next, in: transaction)
    }

    override func expectAll(_ queries: [Query]) throws {
        // One statement sees one state by itself. The transaction begins with another statement, or never.
        let begin = queued
        if begin == [.mark(Self.beginReading)] { queued = [] }
        defer { if begin == [.mark(Self.beginReading)] { queued = begin } }
        try ensure()
        answers = [:]
        let asked = try asked(queries)
        guard let (name, joined) = try join(asked.map(\.sql)) else { return }
        let result = try answerNow(joined.sql, name, asked.flatMap(\.values)).result
        for (asked, answer) in zip(asked, joined.answers(result)) { answers[asked] = answer }
    }

    /// Runs statements without values, after those that wait.
    @discardableResult
    func run(_ sql: String) throws -> PostgresResult {
        answers = [:]
        if mustWait { return try pipeline(.mark(sql)) }
        let result = PostgresResult(PQexec(link, sql))
        try check(result.pointer, sql)
        return result
    }

    func check(_ result: OpaquePointer?, _ sql: String) throws {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return
        default: throw failure(result, sql)
        }
    }

    // MARK: Statements

    override func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ body: (borrowing Statement) throws -> Value
    ) throws -> Value {
        try ensure()
        let (name, texts) = try bound(sql, values)
        let cursor = PostgresCursor(try answer(sql, name, texts))
        lastChanges = cursor.changes
        return try body(Statement(.postgres(cursor)))
    }

    private func answer(_ sql: String, _ name: String, _ texts: [String?]) throws -> PostgresAnswer {
        protect(sql)
        if !answers.isEmpty {
            if let answer = answers.removeValue(forKey: AskedQuery(sql: sql, values: texts)) { return answer }
            // What is read after a write may differ.
            if !sql.hasPrefix("SELECT") { answers = [:] }
        }
        return try answerNow(sql, name, texts)
    }

    func answerNow(_ sql: String, _ name: String, _ texts: [String?]) throws -> PostgresAnswer {
        if mustWait { return PostgresAnswer(try pipeline(.prepared(name: name, sql: sql, values: texts))) }
        let result = texts.withCStrings { values in
            PostgresResult(PQexecPrepared(link, name, Int32(texts.count), values, nil, nil, 1))
        }
        try check(result.pointer, sql)
        return PostgresAnswer(result)
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
        // An id that was asked for may be one of them.
        answers = [:]
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

    /// PostgreSQL's own name for the sequence of an identity column. To ask for the name each time would take longer than the rest.
    private static func next(_ table: String) -> Query { Query("SELECT nextval('\(table)_id_seq')") }
}
