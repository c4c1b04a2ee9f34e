public import RookeryCore

extension CallHandler {
    /// Makes the rest of a chain, for the test of an interceptor: `answer` gets the call that the interceptor passes on.
    public init(testing answer: @escaping (Call) async throws -> Reply) { self.init([], last: answer) }
}
