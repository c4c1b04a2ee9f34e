import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery

/// Sends an inventory subscription as Server-Sent Events (HTML Living Standard, 9.2).
enum EventStream {
    private static let headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]

    /// Subscribes to a topic and responds with its stream.
    ///
    /// An error before the first value becomes an ordinary error response. A later error becomes an event,
    /// `stream-error`, and ends the stream. A `HEAD` request does not subscribe.
    ///
    /// It goes on after the cursor in `Last-Event-ID`, or else in `after`.
    static func response(
        _ call: GatewayCall, _ hub: InventoryHub, _ topic: InventoryHub.Topic, after: String?
    ) async throws -> Response {
        if call.request.method == .head { return Response(status: .ok, headers: headers, body: ResponseBody { _ in }) }
        let last = HTTPField.Name("Last-Event-ID").flatMap { call.request.headers[$0] }
        let subscription = try await hub.subscribe(to: topic, from: call.context.peer, after: last ?? after)
        call.context.onClose { subscription.end() }
        let reader = Reader(subscription)
        guard let first = try await reader.next() else { throw Problem.notFound }
        let body = ResponseBody { writer in
            var text = ByteBuffer(string: "retry: 3000\n\n")
            text.writeImmutableBuffer(first)
            try await writer.write(text)
            do {
                while let item = try await reader.next() { try await writer.write(item) }
            } catch let error where error is RemoteError || error is CallError || error is Problem {
                let problem = Problem(answering: error)
                let data: JSONValue = ["code": .string(problem.code), "detail": .string(problem.detail)]
                try await writer.write(ByteBuffer(string: "event: stream-error\ndata: \(data.jsonText)\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// Writes a chunk as an event. A cursor becomes the event's `id`.
    static func write(_ chunk: InventoryChunk, cursor: String?, to text: inout ByteBuffer) {
        let name =
            switch chunk {
            case .snapshot: "snapshot"
            case .snapshotEnd: "snapshot-end"
            case .change: "change"
            case .heartbeat: "heartbeat"
            case .reset: "reset"
            }
        text.writeString("event: \(name)\n")
        if let cursor { text.writeString("id: \(cursor)\n") }
        text.writeString("data: \(chunk.json)\n\n")
    }

    /// Reads the subscription for both readers: `response` reads the first value, and the response body the rest.
    private actor Reader {
        private var iterator: AsyncThrowingStream<ByteBuffer, any Error>.Iterator
        init(_ subscription: InventoryHub.Subscription) { iterator = subscription.items.makeAsyncIterator() }

        func next() async throws -> ByteBuffer? {
            var iterator = self.iterator
            let item = try await iterator.next(isolation: #isolation)
            self.iterator = iterator
            return item
        }
    }
}
