import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Rookery

/// An HTTP/1.1 connection whose every part is bounded, in bytes and in time. Its requests are handled on its event loop.
///
/// Hummingbird's own connection is not bounded so, and handles requests on the global pool.
struct HTTPChildChannel: ServerChildChannel {
    /// A connection, and the loop that it is confined to.
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let connection: HTTPConnection
        let executor: LoopExecutor
    }

    let listener: HTTPListener
    /// Answers a request.
    let respond: @Sendable (Request, HTTPConnection) async -> Response
    /// The response to a request that is not understood.
    let refuse: @Sendable (Problem) -> Response

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let executor = EventLoops.shared.executor(for: channel.eventLoop)
            let connection = HTTPConnection(listener, entry: try listener.admit(channel), on: channel)
            let pipeline = channel.pipeline.syncOperations
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
            // The client is gone, or took too long to read.
            listener.logger.trace("a connection ended", metadata: ["error": "\(error)"])
            connection.breakOff()
        }
    }
}
