import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Rookery

// What is answered: by the task that took the request, on the connection's event loop. The next request is not read before the
// network has taken the response.
extension HTTPConnection {
    /// The client is gone, or the connection was closed because it took too long.
    struct Gone: Error {}

    /// Writes the head of a response; its body follows by ``write(_:)`` and ``finish(_:)``. False when it does not, because the
    /// client is gone or there is no room for it.
    func begin(_ head: HTTPResponse, length: Int?) -> Bool {
        guard let context, exchange.phase == .responding else { return false }
        if let length, !hasRoom(for: length) {
            respondOutOfMemory(context)
            return false
        }
        isStreaming = length == nil
        // A stream is under way for as long as its client likes, and costs little.
        if isStreaming { endAdmission() }
        writeHead(head, context)
        // A body that is all there goes with its head.
        if isStreaming { context.flush() }
        watchTime(context)
        return true
    }

    /// Writes a part of a body; returns when the network may take more, unless the whole body is there. Throws ``Gone``.
    func write(_ body: ByteBuffer) async throws {
        guard let context, exchange.phase == .responding else { throw Gone() }
        if !isStreaming { return write(.body(.byteBuffer(body)), bytes: body.readableBytes, context) }
        guard hasRoom(for: body.readableBytes) else {
            close(context)
            throw Gone()
        }
        write(.body(.byteBuffer(body)), bytes: body.readableBytes, context)
        context.flush()
        watchTime(context)
        if context.channel.isWritable { return }
        // Unsafe: it is resumed in one place, which takes it out first, and always at the connection's end.
        await withUnsafeContinuation { writer = $0 }
        if self.context == nil { throw Gone() }
    }

    /// Ends a body.
    func finish(_ trailers: HTTPFields?) {
        endAdmission()
        guard let context else { return }
        end(trailers.map { HTTPHeaders($0) }, context)
        context.flush()
        watchTime(context)
    }

    /// The handler failed in the middle of a body: there is no other way to say so.
    func breakOff() {
        endAdmission()
        if let context { close(context) }
    }

    private func writeHead(_ response: HTTPResponse, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(response)
        head.version = version == .http1_0 ? .http1_0 : .http1_1
        head.headers.add(name: "Date", value: listener.date.text)
        head.headers.add(name: "Server", value: "PetPro")
        if !exchange.keepsAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        write(.head(head), bytes: 512, context)
    }

    private func write(_ part: HTTPServerResponsePart, bytes: Int, _ context: ChannelHandlerContext) {
        account(bytes)
        exchange.writes(bytes, at: listener.now())
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.wrote(bytes) }
        context.write(wrapOutboundOut(part), promise: promise)
    }

    func wrote(_ bytes: Int) {
        // A connection that is gone has given everything back.
        guard exchange.phase != .closed, let context else { return }
        account(-bytes)
        exchange.wrote(bytes, at: listener.now())
        watchTime(context)
    }

    private func end(_ trailers: HTTPHeaders?, _ context: ChannelHandlerContext) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { self.responseEnded() }
        context.write(wrapOutboundOut(.end(trailers)), promise: promise)
    }

    /// Instead of a response to a request that cannot be taken on: bytes that are made once, because this must cost little.
    func respondOverloaded(hasBody: Bool, _ context: ChannelHandlerContext) {
        let bytes = Overloaded.bytes(hasBody: hasBody, isLast: !exchange.keepsAlive)
        let count = bytes.readableBytes
        isStreaming = false
        account(count)
        exchange.writes(count, at: listener.now())
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { outcome in
            self.wrote(count)
            if case .success = outcome { self.responseEnded() }
        }
        // Past the encoder: there is nothing left to encode.
        writeRaw(bytes, promise)
        watchTime(context)
    }

    /// Instead of a response that there is no room for.
    private func respondOutOfMemory(_ context: ChannelHandlerContext) {
        _ = exchange.stop()
        endAdmission()
        writeHead(
            HTTPResponse(status: .serviceUnavailable, headerFields: [.contentLength: "0", .retryAfter: "1"]), context)
        end(nil, context)
        context.flush()
        watchTime(context)
    }
}

/// Writes the body of a response that is made while it is sent.
struct HTTPBodyWriter: ResponseBodyWriter {
    let connection: HTTPConnection

    mutating func write(_ buffer: ByteBuffer) async throws { try await connection.write(buffer) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { connection.finish(trailingHeaders) }
}
