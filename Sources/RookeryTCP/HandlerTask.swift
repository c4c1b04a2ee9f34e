import NIOCore
import RookeryCore
import Tracing

/// A task that runs the handlers of a connection's messages, one after another for as long as they do not wait.
///
/// Making a task for each message would cost as much as all the rest of a short handler's way. So a task goes on to the
/// next message when a handler returns at once; when one waits, it waits in this task, and the messages behind it go to
/// another. Parked tasks are kept for the next burst. Confined to the connection's event loop.
final class HandlerTask: @unchecked Sendable {
    private let connection: ServerConnection
    private var task: Task<Void, Never>?
    private var parked: UnsafeContinuation<Void, Never>?
    /// The message whose handler runs, or waits, in this task.
    private(set) var current: ServerRequest?
    private var isAwake = false
    private(set) var isCancelled = false

    private init(_ connection: ServerConnection) { self.connection = connection }

    /// Makes a task, which starts here and now; returns when it waits for something, or has ended.
    static func start(_ connection: ServerConnection) {
        let handler = HandlerTask(connection)
        connection.began(handler)
        handler.task = Task.immediate(executorPreference: connection.executor) { await handler.run() }
        // It may have been cancelled by what it ran itself, before it was known by this name.
        if handler.isCancelled { handler.task?.cancel() }
    }

    private func run() async {
        while true {
            while let request = connection.nextRequest() {
                current = request
                if !request.isAbandoned {
                    request.hasBegun = true
                    connection.executor.handlerBegins(request.entry.number)
                    // All of it here: each function in between that awaits would cost a look at the task's executor.
                    do {
                        try await MessageContext.$source.withValue(request) {
                            if !request.metadata.isEmpty {
                                try await ServiceContext.$current.withValue(.carrying(request.metadata)) {
                                    if request.isBare {
                                        try await request.entry.body(request.payload, request.sink)
                                    } else {
                                        try await request.runPipeline()
                                    }
                                }
                            } else if request.isBare {
                                try await request.entry.body(request.payload, request.sink)
                            } else {
                                try await request.runPipeline()
                            }
                        }
                    } catch {
                        request.failed(error)
                    }
                }
                if !connection.executor.eventLoop.inEventLoop { await connection.executor.comeBack() }
                current = nil
                connection.returned(request)
                if isCancelled { return connection.ended(self) }
            }
            guard connection.park(self) else { return connection.ended(self) }
            // Unsafe: it is resumed in one place, which takes it out first, and always at the connection's end.
            await withUnsafeContinuation { continuation in
                // Woken between the two lines above: there is something to do already.
                if isAwake { continuation.resume() } else { parked = continuation }
            }
            isAwake = false
            if isCancelled { return connection.ended(self) }
        }
    }

    /// Goes on with the messages that are queued.
    func wake() {
        isAwake = true
        let continuation = parked
        parked = nil
        continuation?.resume()
    }

    /// Cancels the handler that runs in it, and ends.
    func cancel() {
        isCancelled = true
        task?.cancel()
        wake()
    }
}
