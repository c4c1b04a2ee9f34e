package import RookeryCore

/// The error that a service answers with; nil when it does not refuse. Anything else that is thrown is thrown on.
package func refusal<Value>(_ body: () async throws -> Value) async rethrows -> RemoteError? {
    do {
        _ = try await body()
        return nil
    } catch let error as RemoteError {
        return error
    }
}
