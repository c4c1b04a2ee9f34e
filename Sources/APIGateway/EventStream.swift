import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery

/// Server-Sent Events (HTML Living Standard, 9.2) of an inventory subscription.
enum EventStream {
    /// A comment keeps proxies from closing a stream on which nothing happens.
    private static let keepAlive: Duration = .seconds(15)

    /// Answers with the stream. What goes wrong before its first value is an ordinary error; afterwards it is an event,
    /// `stream-error`.
    static func response(_ subscription: InventoryHub.Subscription, clock: ContinuousClock = ContinuousClock())
        async throws
        -> Response
    {
        let reader = Reader(subscription)
        guard let first = try await reader.next() else { throw Problem.notFound }
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: "retry: 3000\n\n" + event(first)))
            var lastWrite = clock.now
            do {
                while let item = try await reader.next() {
                    if case .heartbeat = item.chunk {
                        guard clock.now - lastWrite >= keepAlive else { continue }
                        try await writer.write(ByteBuffer(string: ": keep-alive\n\n"))
                    } else {
                        try await writer.write(ByteBuffer(string: event(item)))
                    }
                    lastWrite = clock.now
                }
            } catch let error where error is RemoteError || error is CallError {
                let problem = Problem(answering: error)
                let data: JSONValue = ["code": .string(problem.code), "detail": .string(problem.detail)]
                try await writer.write(ByteBuffer(string: "event: stream-error\ndata: \(data.jsonText)\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store",
            ], body: body)
    }

    private static func event(_ item: InventoryHub.Item) -> String {
        let name =
            switch item.chunk {
            case .snapshot: "snapshot"
            case .snapshotEnd: "snapshot-end"
            case .change: "change"
            case .heartbeat: "heartbeat"
            case .reset: "reset"
            }
        let id = item.cursor.map { "id: \($0)\n" } ?? ""
        return "event: \(name)\n\(id)data: \(item.chunk.json)\n\n"
    }

    /// One reader, first for the first value and then for the rest.
    private actor Reader {
        private var iterator: InventoryHub.Subscription.Iterator
        init(_ subscription: InventoryHub.Subscription) { iterator = subscription.makeAsyncIterator() }

        func next() async throws -> InventoryHub.Item? {
            var iterator = self.iterator
            let item = try await iterator.next(isolation: #isolation)
            self.iterator = iterator
            return item
        }
    }
}
