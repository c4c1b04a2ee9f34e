extension PostgresConnection {
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
}
