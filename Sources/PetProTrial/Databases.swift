import PetProStorage

/// The databases of a platform's services, to be read from outside.
struct Databases {
    private let data: String
    private let url: String?

    /// `url` is the PostgreSQL database. Without it, they are the files in `data`.
    init(data: String, url: String?) {
        self.data = data
        self.url = url
    }

    func place(of service: String) -> DatabasePlace {
        url.map { .schema(PostgresTarget(url: $0, schema: service)) } ?? .file("\(data)/\(service).sqlite")
    }

    /// Returns the rows of a query in a service's database. Throws the error of the engine.
    func rows<Value: Sendable>(
        _ service: String, _ sql: String, read: @escaping @Sendable (inout Row) throws -> Value
    ) async throws -> [Value] {
        let database = try place(of: service).inspect(nil)
        defer { try? database.close() }
        return try await database.read { try $0.rows(sql, read: read) }
    }
}
