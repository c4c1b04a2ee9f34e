/// What a thread of a database works with: one connection, which only it touches in operation.
protocol EngineSession: Sendable {
    /// Runs `body` with the connection.
    func use<Value>(_ body: (Connection) throws -> Value) rethrows -> Value
    /// Ends the connection.
    func close() throws
}
