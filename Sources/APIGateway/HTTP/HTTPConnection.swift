import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Rookery

/// The gateway's side of one HTTP connection: collects requests, one at a time, has them answered by the task that asks for
/// them with ``next()``, and keeps its time and its memory.
///
/// Everything runs on the connection's event loop, that task too. What may come next is ``HTTPExchange``'s to decide.
final class HTTPConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    /// Parts of further requests that are kept while one is answered: as many as one read brings.
    private static let waitingLimit = 4096

    let listener: HTTPListener
    let entry: ConnectionTable.Entry
    private let channel: any Channel
    private let admission: HTTPAdmission
    /// Where the connection's bytes come in and go out.
    weak var arrival: HTTPArrival?
    /// Whether the request that is answered counts as one under way.
    private var isAdmitted = false
    var exchange: HTTPExchange
    var context: ChannelHandlerContext?
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?

    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    /// Further requests, which came while one is answered.
    private var waiting: CircularBuffer<HTTPServerRequestPart> = []
    private var isReadDue = false
    /// Bytes that are accounted for: of the request, of those that wait, and of what was not written.
    private var held = 0
    /// Of those, the ones of the request.
    private var heldByRequest = 0
    private(set) var version = HTTPVersion.http1_1
    /// Whether the response has no end that is known beforehand.
    var isStreaming = false
    private var isInputClosed = false
    /// Whether something was thrown away that the client still sends.
    private var leavesUnread = false
    /// What the task that answers has not asked for yet, or the task that waits for it.
    private var inbox: HTTPInbound?
    private var reader: UnsafeContinuation<HTTPInbound?, Never>?
    /// A stream that waits until the network takes more.
    var writer: UnsafeContinuation<Void, Never>?

    init(_ listener: HTTPListener, entry: ConnectionTable.Entry, on channel: any Channel) {
        self.listener = listener
        admission = listener.admission
        self.channel = channel
        self.entry = entry
        exchange = HTTPExchange(listener.limits, at: listener.now())
    }

    /// Where its requests come from.
    var source: GatewayContext.Source {
        GatewayContext.Source(logger: listener.logger, channel: channel, peer: entry.peer.address)
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

    /// A channel that closes before it was active, such as one that gave way at once, is never said to be inactive.
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

    /// The next request, when it is complete; nil when the connection is gone. For one task, on the loop.
    func next() async -> HTTPInbound? {
        if let item = inbox {
            inbox = nil
            return item
        }
        if context == nil { return nil }
        // Unsafe: it is resumed in one place, which takes it out first, and always at the connection's end.
        return await withUnsafeContinuation { reader = $0 }
    }

    private func give(_ item: HTTPInbound?) {
        guard let reader else { return inbox = item }
        self.reader = nil
        reader.resume(returning: item)
    }

    /// Writes bytes that are HTTP already, and flushes.
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

    /// Refuses bytes that have come, when they are a whole request and there is too much to do; false when they are to be parsed.
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

    /// Keeps what came too early; what there is no room for ends the connection after the response.
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

    /// What a part takes up here, roughly.
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
        // From here on the request is its handler's, also when the client leaves.
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

    /// Refuses a request because there is too much to do, at as little cost as can be; the connection lives on.
    private func shed(_ context: ChannelHandlerContext) {
        requestEnded()
        let hasBody = head?.method != .HEAD
        head = nil
        body = ByteBuffer()
        respondOverloaded(hasBody: hasBody, context)
    }

    /// The request has been answered, or no one is there any more to answer.
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
        // A client that sends more before it is answered has the rest wait in the network. One that does not is not looked at
        // differently while it is answered, because each change costs a system call.
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
            // A response that has begun is finished; a stream has no end to wait for.
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
            // A reset, which closing would cause now, might reach the client before the response does.
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

    /// Sees to it that the connection's deadline is looked at when it has come. A timer that runs is left to run: mostly
    /// the deadline has moved on by then.
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
