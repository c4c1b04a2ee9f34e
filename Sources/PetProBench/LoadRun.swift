import NIOCore
import NIOPosix

/// One run of a load. Confined to its event loop.
final class LoadRun: @unchecked Sendable {
    private let load: HTTPLoad
    private let loop: any EventLoop
    private let result = LoadResult()
    private let done: EventLoopPromise<LoadResult>
    private var idle: [LoadConnection] = []
    /// When the requests that wait for a free connection were due.
    private var waiting = CircularBuffer<NIODeadline>()
    private var underWay = 0
    private var number = 0
    private var due = 0
    private var began = NIODeadline.now()
    private var counted: NIODeadline { began + .nanoseconds(Int64(load.warmUp * 1e9)) }
    private var end: NIODeadline { counted + .nanoseconds(Int64(load.seconds * 1e9)) }
    private var isRunning = false
    private var isOver = false
    /// How long the run waits for missing answers at its end.
    private static let patience = TimeAmount.seconds(10)

    init(_ load: HTTPLoad, _ loop: any EventLoop) {
        self.load = load
        self.loop = loop
        done = loop.makePromise()
    }

    func start() -> EventLoopFuture<LoadResult> {
        let connections =
            switch load.shape {
            case .closed(let connections), .open(_, let connections): connections
            }
        let connected = (0..<connections).map { connect($0) }
        EventLoopFuture.andAllSucceed(connected, on: loop).whenComplete { outcome in
            if case .failure(let error) = outcome { return self.done.fail(error) }
            self.began = .now()
            self.isRunning = true
            switch self.load.shape {
            case .closed:
                let all = self.idle
                self.idle = []
                for connection in all { self.send(on: connection, due: .now()) }
            case .open(let rate, _): self.tick(rate)
            }
            self.loop.scheduleTask(deadline: self.end) { self.stop() }
        }
        return done.futureResult
    }

    /// Opens a connection. Every 200 connections share a loopback address, because the gateway limits the connections
    /// of one address.
    private func connect(_ number: Int) -> EventLoopFuture<Void> {
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: "127.0.1.\(1 + number / 200 % 250)", port: 0)
        } catch {
            return loop.makeFailedFuture(error)
        }
        return ClientBootstrap(group: loop)
            .bind(to: address)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LoadConnection(self, number))
                }
            }
            .connect(host: "127.0.0.1", port: load.port).map { _ in }
    }

    private func tick(_ rate: Int) {
        if isOver { return }
        let now = NIODeadline.now()
        // The first request is due at once.
        let wanted = Int(Double((now - began).nanoseconds) * Double(rate) / 1e9) + 1
        while due < wanted {
            let at = began + .nanoseconds(Int64(Double(due) * 1e9 / Double(rate)))
            due += 1
            if let connection = idle.popLast() {
                send(on: connection, due: at)
            } else {
                waiting.append(at)
            }
        }
        loop.scheduleTask(in: .microseconds(500)) { self.tick(rate) }
    }

    private func send(on connection: LoadConnection, due: NIODeadline) {
        underWay += 1
        connection.send(load.request(number), due: due)
        number += 1
    }

    func free(_ connection: LoadConnection) {
        if isOver { endIfDone() } else { next(connection) }
    }

    private func next(_ connection: LoadConnection) {
        if case .closed = load.shape { return send(on: connection, due: .now()) }
        if let due = waiting.popFirst() { send(on: connection, due: due) } else { idle.append(connection) }
    }

    func connected(_ connection: LoadConnection) {
        // A connection that replaces a lost one sends at once.
        if isRunning { next(connection) } else { idle.append(connection) }
    }

    func answered(_ status: Int, due: NIODeadline) {
        underWay -= 1
        let now = NIODeadline.now()
        result.total += 1
        if due >= counted, due < end {
            result.note(status, isWanted: load.isWanted(status), nanoseconds: (now - due).nanoseconds)
        }
    }

    func lost(_ reason: String, _ number: Int, due: NIODeadline?) {
        if let due {
            underWay -= 1
            if due >= counted { result.failed(reason) }
        }
        if isOver { return endIfDone() }
        connect(number).whenFailure { self.result.failed("no connection: \($0)") }
    }

    private func stop() {
        isOver = true
        result.seconds = load.seconds
        for _ in waiting { result.failed("not sent") }
        waiting = []
        loop.scheduleTask(in: Self.patience) {
            if self.underWay > 0 { self.result.failed("unanswered") }
            self.underWay = 0
            self.endIfDone()
        }
        endIfDone()
    }

    private func endIfDone() { if isOver, underWay <= 0 { done.succeed(result) } }
}
