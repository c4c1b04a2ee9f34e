/// The statements that one connection has prepared.
struct PreparedStatements {
    /// The name of a statement, and the number of its values.
    typealias Prepared = (name: String, count: Int)

    private var known: [String: Prepared] = [:]
    /// Queries that were joined, by their texts.
    private var queries: [[String]: (name: String, joined: JoinedQueries)] = [:]
    /// Inserts that were joined, by their texts.
    private var inserts: [[String]: (name: String, sql: String)] = [:]
    private var made = 0

    private static let limit = 512

    var texts: [String] { Array(known.keys) }
    /// Whether no more should be prepared.
    var isFull: Bool { known.count + queries.count + inserts.count >= Self.limit }

    subscript(sql: String) -> Prepared? {
        get { known[sql] }
        set { known[sql] = newValue }
    }

    subscript(queries texts: [String]) -> (name: String, joined: JoinedQueries)? {
        get { queries[texts] }
        set { queries[texts] = newValue }
    }

    subscript(inserts texts: [String]) -> (name: String, sql: String)? {
        get { inserts[texts] }
        set { inserts[texts] = newValue }
    }

    /// Returns a name that the connection has not used.
    mutating func newName() -> String {
        made += 1
        return "s\(made)"
    }

    /// Forgets all statements, but no name.
    mutating func forget() {
        known = [:]
        queries = [:]
        inserts = [:]
    }
}
