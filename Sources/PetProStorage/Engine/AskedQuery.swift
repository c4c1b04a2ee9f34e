/// A query with its values as PostgreSQL gets them.
struct AskedQuery: Hashable {
    let sql: String
    let values: [String?]
}
