package import NIOCore
import NIOPosix
package import RookeryWire

/// One end of a connection that behaves as the socket of NestJS 11.2.5 and later, and 12. It can be a client or a
/// server.
///
/// - It does not read while its own writes wait.
/// - It closes the connection if the peer stops in the middle of a frame for `stallTimeout`, 30 s in Nest. White space
///   behind a frame counts as the start of a frame.
/// - As a client, it takes an answer with an unknown key as the value, and ends the call.
///
/// It has no other behaviour of Nest.
package final class NestSocket: Sendable {
    /// An answer, as a Nest client understands it.
    package enum Answer: Sendable, Hashable {
        /// A value. `isLast`: the call ended with it.
        case value(JSONValue, isLast: Bool)
        /// The call failed with this error.
        case failure(JSONValue)
        /// The call ended without a value.
        case end
    }

    private let channel: any Channel
    private let handler: NIOLoopBound<Handler>

    private init(_ channel: any Channel, _ handler: NIOLoopBound<Handler>) {
        self.channel = channel
        self.handler = handler
    }

    /// Connects to a port of 127.0.0.1 while `body` runs. `stallTimeout` is how long a partial frame may wait for
    /// bytes.
    package static func connected<Result: Sendable>(
        to port: Int, stallTimeout: TimeAmount = .seconds(30), _ body: (NestSocket) async throws -> Result
    ) async throws -> Result {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(stallTimeout) { _ in nil })
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let handler = try await channel.eventLoop.submit {
            NIOLoopBound(try channel.pipeline.syncOperations.handler(type: Handler.self), eventLoop: channel.eventLoop)
        }.get()
        let socket = NestSocket(channel, handler)
        do {
            let result = try await body(socket)
            channel.close(promise: nil)
            return result
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    /// Listens on a free port of 127.0.0.1, and passes that port to `body`. Stops when `body` returns.
    ///
    /// Answers each request with the result of `answer` for its data. Nil: no answer.
    package static func serving<Result: Sendable>(
        stallTimeout: TimeAmount = .seconds(30), _ answer: @escaping @Sendable (JSONValue) -> JSONValue?,
        _ body: (Int) async throws -> Result
    ) async throws -> Result {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(stallTimeout, answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let result = try await body(channel.localAddress?.port ?? 0)
            try await channel.close().get()
            return result
        } catch {
            try await channel.close().get()
            throw error
        }
    }

    /// Writes all requests at once. Does not wait until they are written.
    package func write(_ requests: [(id: String, pattern: JSONValue, data: JSONValue)]) {
        var writer = ValueWriter()
        for request in requests {
            let mark = writer.beginFrame()
            JSONValue.object(["pattern": request.pattern, "data": request.data, "id": .string(request.id)])
                .write(to: &writer)
            writer.endFrame(mark)
        }
        let bytes = ByteBuffer(bytes: writer.bytes)
        channel.eventLoop.execute { self.handler.value.write(bytes) }
    }

    /// Waits until the calls with these ids have ended or the connection has closed. Returns the answers of all calls
    /// so far.
    package func answers(to ids: [String]) async -> [String: [Answer]] {
        await withCheckedContinuation { continuation in
            channel.eventLoop.execute { self.handler.value.wait(for: Set(ids)) { continuation.resume(returning: $0) } }
        }
    }

    /// Returns when the connection has closed.
    package func closed() async throws { try await channel.closeFuture.get() }

    /// Confined to its event loop.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let stallTimeout: TimeAmount
        private let answer: @Sendable (JSONValue) -> JSONValue?
        private var context: ChannelHandlerContext?
        private var decoder = FrameDecoder(frameLimit: 1 << 30)
        private var writing = 0
        private var stall: Scheduled<Void>?
        private var answers: [String: [Answer]] = [:]
        private var ended: Set<String> = []
        private var isClosed = false
        private var waiting: [(ids: Set<String>, done: ([String: [Answer]]) -> Void)] = []

        init(_ stallTimeout: TimeAmount, _ answer: @escaping @Sendable (JSONValue) -> JSONValue?) {
            self.stallTimeout = stallTimeout
            self.answer = answer
        }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }
        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func write(_ bytes: ByteBuffer) {
            guard let context else { return }
            setWriting(1)
            let promise = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
            promise.futureResult.assumeIsolated().whenComplete { _ in self.setWriting(-1) }
        }

        private func setWriting(_ change: Int) {
            writing += change
            // Two peers that both do this can wait for each other.
            try? context?.channel.syncOptions?.setOption(.autoRead, value: writing == 0)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            let last = bytes.getInteger(at: bytes.writerIndex - 1, as: UInt8.self)
            decoder.append(bytes)
            do {
                while let body = try decoder.next() { received(body) }
            } catch {
                return context.close(promise: nil)
            }
            stall?.cancel()
            stall = nil
            guard decoder.hasPartialFrame || last == UInt8(ascii: "\n") || last == UInt8(ascii: " ") else { return }
            stall = context.eventLoop.assumeIsolated().scheduleTask(in: stallTimeout) {
                self.context?.close(promise: nil)
            }
        }

        private func received(_ body: ByteBuffer) {
            guard case .object(let packet)? = try? JSONValue(parsing: body.readableBytesView),
                let id = packet["id"]?.stringValue
            else { return }
            if packet["pattern"] != nil { return respond(packet, id) }
            var isLast = true
            let known: Set = ["id", "err", "response", "isDisposed", "status"]
            let isForeign = packet.contains { !known.contains($0.0) }
            if isForeign {
                answers[id, default: []].append(.value(.object(packet), isLast: true))
            } else if let error = packet["err"], error.isTruthy {
                answers[id, default: []].append(.failure(error))
            } else {
                isLast = packet["isDisposed"]?.isTruthy ?? false
                if let value = packet["response"] {
                    answers[id, default: []].append(.value(value, isLast: isLast))
                } else {
                    answers[id, default: []].append(isLast ? .end : .value(.null, isLast: false))
                }
            }
            if isLast { ended.insert(id) }
            tell()
        }

        private func respond(_ packet: JSONObject, _ id: String) {
            guard let response = answer(packet["data"] ?? .null) else { return }
            var writer = ValueWriter()
            let mark = writer.beginFrame()
            JSONValue.object(["response": response, "isDisposed": true, "id": .string(id)]).write(to: &writer)
            writer.endFrame(mark)
            write(ByteBuffer(bytes: writer.bytes))
        }

        func wait(for ids: Set<String>, _ done: @escaping ([String: [Answer]]) -> Void) {
            waiting.append((ids, done))
            tell()
        }

        private func tell() {
            waiting.removeAll { ids, done in
                guard isClosed || ids.isSubset(of: ended) else { return false }
                done(answers)
                return true
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            isClosed = true
            stall?.cancel()
            tell()
        }
    }
}
