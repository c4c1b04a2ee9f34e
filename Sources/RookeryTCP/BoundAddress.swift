import NIOCore
import Synchronization

/// The address a server is bound to, for tasks that wait for it.
final class BoundAddress: Sendable {
    private struct State {
        var result: Result<SocketAddress, any Error>?
        var waiting: [Int: CheckedContinuation<SocketAddress, any Error>] = [:]
        var nextID = 0
    }
    private let state = Mutex(State())

    /// Sets the result of binding, and resumes the tasks that wait for it.
    func settle(_ result: Result<SocketAddress, any Error>) {
        let waiting = state.withLock { state in
            state.result = result
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume(with: result) }
    }

    /// The address. Waits until the server is bound. Throws the error of binding, or `CancellationError` if the task is
    /// cancelled.
    var value: SocketAddress {
        get async throws {
            let id = state.withLock { state in
                state.nextID += 1
                return state.nextID
            }
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let result = state.withLock { state -> Result<SocketAddress, any Error>? in
                        if let result = state.result { return result }
                        if Task.isCancelled { return .failure(CancellationError()) }
                        state.waiting[id] = continuation
                        return nil
                    }
                    if let result { continuation.resume(with: result) }
                }
            } onCancel: {
                state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(throwing: CancellationError())
            }
        }
    }
}
