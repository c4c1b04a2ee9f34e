import NIOCore
import RookeryCore
import Tracing

/// A task that runs the handlers of a connection's messages, one after another while they do not suspend.
///
/// A task per message would cost as much as all other work for a short handler. So a task continues with the next
/// message when a handler returns at once. When a handler suspends, its task waits with it, and another task takes the
/// next messages. Parked tasks wait for the next burst. Confined to the connection's event loop.
final class HandlerTask: @unchecked Sendable {
    private let connection: ServerConnection
    private var task: Task<Void, Never>?
    private var parked: UnsafeContinuation<Void, Never>?
    /// The message whose handler runs or is suspended in this task.
    private(set) var current: ServerRequest?
    private var isAwake = false
    private(set) var isCancelled = false

    private init(_ connection: ServerConnection) { self.connection = connection }

    /// Starts a task on the current thread at once. Returns when the task suspends or has ended.
    static func start(_ connection: ServerConnection) {
        let handler = HandlerTask(connection)
        connection.began(handler)
        // A task copies the task-locals of the task that makes it. That can be the handler of another connection, whose
        // write found the socket closed: its context must not reach these messages.
        MessageContext.$source.withValue(nil) {
            ServiceContext.$current.withValue(nil) {
                handler.task = Task.immediate(executorPreference: connection.executor) { await handler.run() }
            }
        }
        // The work it ran may have cancelled it before `task` was set.
        if handler.isCancelled { handler.task?.cancel() }
    }

    private func run() async {
        while true {
            while let request = connection.nextRequest() {
                current = request
                if !request.isAbandoned {
                    request.hasBegun = true
                    connection.executor.handlerBegins(request.entry.number)
                    // Inlined, because each async function in between would cost a check of the task's executor.
                    let (surroundings, span) = connection.shared.router.startHandling(
                        request.entry, request.metadata, request)
                    do {
                        try await MessageContext.$source.withValue(request) {
                            if let surroundings {
                                try await ServiceContext.$current.withValue(surroundings) {
                                    if request.isPlain {
                                        try await request.entry.body(request.payload, request.sink)
                                    } else {
                                        try await request.runPipeline()
                                    }
                                }
                            } else if request.isPlain {
                                try await request.entry.body(request.payload, request.sink)
                            } else {
                                try await request.runPipeline()
                            }
                        }
                        span?.end(.success)
                    } catch {
                        span?.end(CallOutcome(error, of: request.entry.command))
                        request.failed(error)
                    }
                }
                if !connection.executor.eventLoop.inEventLoop { await connection.executor.comeBack() }
                current = nil
                connection.returned(request)
                if isCancelled { return connection.ended(self) }
            }
            guard connection.park(self) else { return connection.ended(self) }
            // An unsafe continuation: only `wake()` resumes it, after taking it out, and the connection's end always
            // calls that.
            await withUnsafeContinuation { continuation in
                // `wake()` ran before the continuation was set: there is work already.
                if isAwake { continuation.resume() } else { parked = continuation }
            }
            isAwake = false
            if isCancelled { return connection.ended(self) }
        }
    }

    /// Continues with the queued messages.
    func wake() {
        isAwake = true
        let continuation = parked
        parked = nil
        continuation?.resume()
    }

    /// Cancels the handler that runs in the task. The task then ends.
    func cancel() {
        isCancelled = true
        task?.cancel()
        wake()
    }
}
