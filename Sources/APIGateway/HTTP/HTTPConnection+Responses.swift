import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Rookery

// Responses. The task that took the request writes them, on the connection's event loop. The connection takes the next
// request only after the network has taken the response.
extension HTTPConnection {
    /// The connection is closed: the client disconnected, or a timeout or the memory limit closed it.
    struct Gone: Error {}

    /// Writes the head of a response. Write its body with ``write(_:)`` and ``finish(_:)``.
    ///
    /// Returns false when the body must not follow, because the connection is closed or the memory budget has no room
    /// for it. For lack of room the connection responds 503 instead.
    func begin(_ head: HTTPResponse, length: Int?) -> Bool {
        guard let context, exchange.phase == .responding else { return false }
        if let length, !hasRoom(for: length) {
            respondOutOfMemory(context)
            return false
        }
        isStreaming = length == nil
        // A stream may last long and costs little, so it no longer counts as in flight.
        if isStreaming { endAdmission() }
        writeHead(head, context)
        // A complete body is flushed together with its head.
        if isStreaming { context.flush() }
        watchTime(context)
        return true
    }

    /// Writes a part of a body. A part of a stream waits until the channel is writable again.
    ///
    /// Throws ``Gone`` when the connection is closed, or when the memory budget has no room for a part of a stream.
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
        // Unsafe: only `writable()` resumes it, after it has cleared `writer`. `ended()` calls `writable()` as well.
        await withUnsafeContinuation { writer = $0 }
        if self.context == nil { throw Gone() }
    }

    /// Ends the body and flushes it.
    func finish(_ trailers: HTTPFields?) {
        endAdmission()
        guard let context else { return }
        end(trailers.map { HTTPHeaders($0) }, context)
        context.flush()
        watchTime(context)
    }

    /// Closes the connection after a failure in the middle of a body, which cannot be reported in any other way.
    func breakOff() {
        endAdmission()
        if let context { close(context) }
    }

    private func writeHead(_ response: HTTPResponse, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(response)
        head.version = version == .http1_0 ? .http1_0 : .http1_1
        head.headers.add(name: "Date", value: listener.date.text)
        head.headers.add(name: "Server", value: "PetPro")
        SecurityHeaders.add(to: &head.headers, isEncrypted: listener.isEncrypted)
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
        // A closed connection has already returned its bytes to the memory budget.
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

    /// Writes the refusal for overload, a 503, as prepared bytes, because a refusal must cost little.
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
        // Without the encoder, because the bytes are already encoded.
        writeRaw(bytes, promise)
        watchTime(context)
    }

    /// Writes a 503 without a body, in place of a response that the memory budget has no room for.
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

/// Passes the parts of a response body to its connection.
struct HTTPBodyWriter: ResponseBodyWriter {
    let connection: HTTPConnection

    mutating func write(_ buffer: ByteBuffer) async throws { try await connection.write(buffer) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { connection.finish(trailingHeaders) }
}
