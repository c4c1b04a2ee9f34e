/// Queries that were sent as one statement, whose answer may arrive later.
struct AheadAnswer {
    let asked: [AskedQuery]
    let name: String
    let joined: JoinedQueries
    let statement: UnderwayStatement

    init(_ asked: [AskedQuery], _ name: String, _ joined: JoinedQueries) {
        self.asked = asked
        self.name = name
        self.joined = joined
        statement = UnderwayStatement(joined.sql)
    }

    /// The answers by query. Empty before they have arrived.
    var answers: [AskedQuery: PostgresAnswer] {
        guard let result = statement.result else { return [:] }
        return Dictionary(zip(asked, joined.answers(result))) { first, _ in first }
    }
}
