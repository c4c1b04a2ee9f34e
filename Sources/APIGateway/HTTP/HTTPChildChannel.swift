import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// An HTTP/1.1 connection whose every part is bounded, in bytes and in time, which Hummingbird's own is not.
struct HTTPChildChannel: ServerChildChannel {
    typealias Value = NIOAsyncChannel<HTTPInbound, HTTPResponsePart>

    let listener: HTTPListener
    let responder: HTTPChannelHandler.Responder
    /// The response to a request that is not understood.
    let refuse: @Sendable (Problem) -> Response

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let connection = HTTPConnection(listener, entry: try listener.admit(channel))
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTPArrival(connection))
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = listener.limits.head
            limits.maxHeaderListSize = listener.limits.head
            limits.maxHeaderFieldCount = listener.limits.headerFields
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: limits)
            try pipeline.addHandler(connection)
            return try Value(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async {
        let channel = value.channel
        await withTaskCancellationHandler {
            do {
                try await value.executeThenClose { inbound, outbound in
                    for try await item in inbound {
                        let writer = ResponseWriter(outbound: outbound)
                        switch item {
                        case .request(let request, let hold):
                            try await responder(request, writer, channel)
                            withExtendedLifetime(hold) {}
                        case .refused(let problem):
                            let response = refuse(problem)
                            try await writer.write(response: response.head, body: response.body)
                        }
                    }
                }
            } catch {
                // The client is gone, or took too long to read.
                logger.trace("a connection ended", metadata: ["error": "\(error)"])
            }
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}
