import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Rookery

/// The gateway's side of one HTTP connection: collects requests one at a time, and enforces the limits on time and
/// memory.
///
/// One task takes the requests with ``next()`` and writes the responses. This handler and that task run on the
/// connection's event loop. ``HTTPExchange`` decides what may come next.
final class HTTPConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    /// The most parts of pipelined requests that are kept while one request is answered: about as many as one read
    /// brings.
    private static let waitingLimit = 4096

    let listener: HTTPListener
    let entry: ConnectionTable.Entry
    private let channel: any Channel
    private let admission: HTTPAdmission
    /// The handler through which the connection's bytes come in and go out.
    weak var arrival: HTTPArrival?
    /// Whether `admission` counts the current request as in flight.
    private var isAdmitted = false
    var exchange: HTTPExchange
    var context: ChannelHandlerContext?
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?

    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    /// Parts of pipelined requests, which came while another request is answered.
    private var waiting: CircularBuffer<HTTPServerRequestPart> = []
    private var isReadDue = false
    /// Bytes that this connection counts in the memory budget: the request's, the waiting parts', and unwritten bytes.
    private var held = 0
    /// The bytes of the current request among them.
    private var heldByRequest = 0
    private(set) var version = HTTPVersion.http1_1
    /// Whether the length of the response is not known in advance.
    var isStreaming = false
    private var isInputClosed = false
    /// Whether the connection has discarded bytes of the client.
    private var leavesUnread = false
    /// An item that the task has not taken yet.
    private var inbox: HTTPInbound?
    /// The task that waits in ``next()``.
    private var reader: UnsafeContinuation<HTTPInbound?, Never>?
    /// A stream that waits until the channel is writable again.
    var writer: UnsafeContinuation<Void, Never>?

    init(_ listener: HTTPListener, entry: ConnectionTable.Entry, on channel: any Channel) {
        self.listener = listener
        admission = listener.admission
        self.channel = channel
        self.entry = entry
        exchange = HTTPExchange(listener.limits, at: listener.now())
    }

    /// The source of a request.
    func source(of request: Request, _ proxies: TrustedProxies) -> GatewayContext.Source {
        GatewayContext.Source(
            logger: listener.logger, channel: channel,
            peer: proxies.client(of: entry.peer.address, channel.remoteAddress?.ipAddress, request.headers))
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        watchTime(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    /// Ends the connection as well, because NIO does not report `channelInactive` for a channel that was never active.
    func handlerRemoved(context: ChannelHandlerContext) { ended() }

    private func ended() {
        if context == nil { return }
        context = nil
        exchange.closed()
        timer?.task.cancel()
        timer = nil
        account(-held)
        listener.table.remove(entry)
        waiting = []
        body = ByteBuffer()
        inbox = nil
        endAdmission()
        give(nil)
        writable()
    }

    /// Returns the next request, once it is complete or refused, or nil when the connection is closed. Only one task
    /// may call it, on the event loop. A request that came behind another lets the jobs of other connections run first.
    func next() async -> HTTPInbound? {
        if inbox != nil { await Task.yield() }
        if let item = inbox {
            inbox = nil
            return item
        }
        if context == nil { return nil }
        // Unsafe: only `give(_:)` resumes it, after it has cleared `reader`. `ended()` calls `give(nil)`.
        return await withUnsafeContinuation { reader = $0 }
    }

    private func give(_ item: HTTPInbound?) {
        guard let reader else { return inbox = item }
        self.reader = nil
        reader.resume(returning: item)
    }

    /// Writes bytes that are already encoded, and flushes.
    func writeRaw(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let arrival else { return promise.fail(Gone()) }
        arrival.write(bytes, promise)
    }

    func close(_ context: ChannelHandlerContext) {
        exchange.closed()
        context.close(promise: nil)
    }

    func account(_ bytes: Int) {
        held += bytes
        listener.memory.add(bytes)
        entry.peer.add(bytes)
    }

    func hasRoom(for bytes: Int) -> Bool {
        listener.memory.allows(bytes, held: held, peerHeld: entry.peer.held)
    }

    // MARK: Requests

    func bytesCame() {
        exchange.bytesCame(at: listener.now())
        if let context { watchTime(context) }
    }

    /// Refuses bytes without parsing them when they are one whole request and the loop is overloaded. Returns false
    /// when the bytes must be parsed.
    func sheds(_ bytes: ByteBuffer) -> Bool {
        guard exchange.phase == .idle, exchange.keepsAlive, let context, admission.isFull(for: entry.peer.address),
            WholeRequest.isWhole(bytes)
        else { return false }
        _ = admission.came(from: entry.peer.address)
        exchange.bytesCame(at: listener.now())
        shed(context)
        return true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch exchange.phase {
        case .idle, .head, .body: take(part, context)
        case .responding: keep(part)
        case .lingering, .closed: return
        }
        watchTime(context)
    }

    /// Keeps a part of a pipelined request. Without room for it, the connection closes after the current response.
    private func keep(_ part: HTTPServerRequestPart) {
        if leavesUnread { return }
        let bytes = Self.size(part)
        guard waiting.count < Self.waitingLimit, hasRoom(for: bytes) else {
            leavesUnread = true
            _ = exchange.stop()
            return
        }
        account(bytes)
        waiting.append(part)
    }

    /// Estimates the memory of a part, in bytes.
    private static func size(_ part: HTTPServerRequestPart) -> Int {
        switch part {
        case .head(let head):
            head.headers.reduce(512 + head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count + 64 }
        case .body(let body): body.readableBytes + 64
        case .end: 64
        }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        let bytes = Self.size(part)
        guard hasRoom(for: bytes) else { return refuse(.outOfMemory, context) }
        account(bytes)
        heldByRequest += bytes
        switch part {
        case .head(let head):
            version = head.version
            switch exchange.headCame(head, at: listener.now()) {
            case .refuse(let problem): refuse(problem, context)
            case .take(let tellContinue):
                self.head = head
                guard tellContinue else { return }
                let interim = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(interim)), promise: nil)
            }
        case .body(var part):
            if let problem = exchange.bodyCame(part.readableBytes) { return refuse(problem, context) }
            body.writeBuffer(&part)
        case .end: deliver(context)
        }
    }

    private func deliver(_ context: ChannelHandlerContext) {
        guard admission.came(from: entry.peer.address) else { return shed(context) }
        guard let head, let request = Self.request(head) else {
            admission.answered(entry.peer.address)
            return refuse(.badRequest("The request's method or target is not understood."), context)
        }
        isAdmitted = true
        requestEnded()
        let body = self.body
        self.head = nil
        self.body = ByteBuffer()
        // From here on the request belongs to its handler, even if the client disconnects.
        let hold = RequestHold(bytes: heldByRequest, listener.memory, entry.peer)
        held -= heldByRequest
        heldByRequest = 0
        give(.request(Request(head: request, body: RequestBody(buffer: body)), hold: hold))
    }

    private func requestEnded() {
        exchange.requestEnded(at: listener.now())
        entry.messageCame(at: listener.now())
        entry.setBusy(true)
    }

    /// Refuses a request for overload, at low cost. The connection stays open, unless it was to close after this
    /// request.
    private func shed(_ context: ChannelHandlerContext) {
        requestEnded()
        let hasBody = head?.method != .HEAD
        head = nil
        body = ByteBuffer()
        respondOverloaded(hasBody: hasBody, context)
    }

    /// Notes that the current request was answered, or that its client disconnected.
    func endAdmission() {
        guard isAdmitted else { return }
        isAdmitted = false
        admission.answered(entry.peer.address)
    }

    private static func request(_ head: HTTPRequestHead) -> HTTPRequest? {
        if head.uri.hasPrefix("/"), let method = try? HTTPRequest.Method(head.method) {
            return HTTPRequest(
                method: method, scheme: "http", authority: head.headers["host"].first, path: head.uri,
                headerFields: HTTPFields(head.headers, splitCookie: false))
        }
        return try? HTTPRequest(head, secure: false, splitCookie: false)
    }

    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        exchange.refused(at: listener.now())
        entry.setBusy(true)
        leavesUnread = true
        head = nil
        body = ByteBuffer()
        give(.refused(problem))
        watchTime(context)
    }

    func read(context: ChannelHandlerContext) {
        // With pipelined parts waiting, the connection stops reading, and further bytes wait in the network. Otherwise
        // it keeps reading during the response, because each change of interest costs a system call.
        if exchange.phase == .responding, !waiting.isEmpty {
            isReadDue = true
        } else {
            context.read()
        }
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard isReadDue, exchange.phase != .responding else { return }
        isReadDue = false
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { writable() }
    }

    private func writable() {
        let writer = self.writer
        self.writer = nil
        writer?.resume()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as HTTPParserError:
            switch exchange.phase {
            case .idle, .head, .body: isInputClosed ? close(context) : refuse(.init(parsing: error), context)
            case .responding:
                leavesUnread = true
                _ = exchange.stop()
            case .lingering, .closed: break
            }
        case is ByteToMessageDecoderError: break
        default: close(context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            if exchange.stop() { close(context) }
        case ChannelEvent.inputClosed:
            isInputClosed = true
            // A response under way is finished first. A stream has no end to wait for.
            if exchange.inputEnded() || isStreaming { return close(context) }
            context.fireUserInboundEventTriggered(event)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: After a response

    func responseEnded() {
        guard let context, exchange.phase == .responding else { return }
        isStreaming = false
        entry.setBusy(false)
        account(-heldByRequest)
        heldByRequest = 0
        if exchange.responseEnded(at: listener.now()) {
            takeWaiting(context)
        } else if leavesUnread, !isInputClosed {
            // Closing now would cause a reset, which could reach the client before the response does.
            waiting = []
            context.close(mode: .output, promise: nil)
        } else {
            return close(context)
        }
        readOn(context)
        watchTime(context)
    }

    private func takeWaiting(_ context: ChannelHandlerContext) {
        var took = false
        while exchange.phase != .responding, exchange.phase != .closed, let part = waiting.popFirst() {
            account(-Self.size(part))
            if !took { exchange.bytesCame(at: listener.now()) }
            took = true
            take(part, context)
        }
    }

    // MARK: Time

    /// Schedules a check of the connection's deadline. An earlier timer is kept, because usually the deadline has moved
    /// by the time it fires.
    func watchTime(_ context: ChannelHandlerContext) {
        guard let deadline = exchange.deadline else { return }
        if let timer, timer.at <= deadline { return }
        timer?.task.cancel()
        let wait = deadline - listener.now()
        let task = context.eventLoop.assumeIsolated().scheduleTask(in: max(wait, .nanoseconds(0))) { self.timeCame() }
        timer = (task, deadline)
    }

    private func timeCame() {
        timer = nil
        guard let context, let deadline = exchange.deadline else { return }
        guard deadline <= listener.now() else { return watchTime(context) }
        switch exchange.late() {
        case .close: close(context)
        case .refuse(let problem): refuse(problem, context)
        }
    }
}
