import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Rookery

/// Sets up HTTP/1.1 connections with bounds on bytes and time. A connection's requests are handled on its event loop.
///
/// Hummingbird's own child channel lacks these bounds, and handles requests on the global pool.
struct HTTPChildChannel: ServerChildChannel {
    /// A connection, and the executor of its event loop.
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let connection: HTTPConnection
        let executor: LoopExecutor
    }

    let listener: HTTPListener
    /// The TLS of the connections. Nil without it.
    var encryption: ServerEncryption?
    /// Answers a request.
    let respond: @Sendable (Request, HTTPConnection) async -> Response
    /// Returns the response to a request that the connection refused.
    let refuse: @Sendable (Problem) -> Response

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let executor = EventLoops.shared.executor(for: channel.eventLoop)
            let connection = HTTPConnection(listener, entry: try listener.admit(channel), on: channel)
            let pipeline = channel.pipeline.syncOperations
            if let encryption { try pipeline.addHandler(encryption.handler { _ in }) }
            try pipeline.addHandler(HTTPArrival(connection, executor))
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = listener.limits.head
            limits.maxHeaderListSize = listener.limits.head
            limits.maxHeaderFieldCount = listener.limits.headerFields
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: limits)
            try pipeline.addHandler(connection)
            return Value(channel: channel, connection: connection, executor: executor)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            await withTaskExecutorPreference(value.executor) { await serve(value.connection, value.executor) }
        } onCancel: {
            value.channel.close(promise: nil)
        }
    }

    private func serve(_ connection: HTTPConnection, _ executor: LoopExecutor) async {
        while let item = await connection.next() {
            switch item {
            case .request(let request, let hold):
                let response = await respond(request, connection)
                await executor.comeBack()
                await write(response, to: connection)
                withExtendedLifetime(hold) {}
            case .refused(let problem): await write(refuse(problem), to: connection)
            }
            await executor.comeBack()
        }
    }

    private func write(_ response: Response, to connection: HTTPConnection) async {
        guard connection.begin(response.head, length: response.body.contentLength) else { return }
        do {
            try await response.body.write(HTTPBodyWriter(connection: connection))
        } catch {
            // The client disconnected or read too slowly, or the handler failed in the middle of the body.
            listener.logger.trace("a connection ended", metadata: ["error": "\(error)"])
            connection.breakOff()
        }
    }
}
