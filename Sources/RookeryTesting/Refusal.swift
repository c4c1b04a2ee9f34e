package import RookeryCore

/// Returns the `RemoteError` that `body` throws, or nil if it throws none. Rethrows any other error.
package func refusal<Value>(_ body: () async throws -> Value) async rethrows -> RemoteError? {
    do {
        _ = try await body()
        return nil
    } catch let error as RemoteError {
        return error
    }
}
