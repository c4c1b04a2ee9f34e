import NIOCore
import RookeryCore
import RookeryWire

/// A stream among the other calls of a negotiated connection. The consumer's pace reaches the server as credit. When
/// the consumer is slow, only the handler of this stream waits.
///
/// Confined to its connection's event loop. The sequence calls its delegate from other threads; the delegate switches
/// to the loop.
final class SharedStream: @unchecked Sendable {
    private typealias Producer = NIOThrowingAsyncSequenceProducer<
        Payload, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, SharedStream
    >

    private let connection: ClientConnection
    private let window: Int
    private var source: Producer.Source?
    private var call: PendingCall?
    /// Values that the server may still send.
    private var credit = BinaryHeader.initialCredit
    private var wantsMore = true
    /// Whether the server has sent a value. Only then does the server know the call as a stream and take credit for it.
    private var hasBegun = false
    private var hasLeft = false

    /// Sends the client stream of the call, if it has one. It ends with this stream.
    private let sending: Task<Void, Never>?

    private init(_ connection: ClientConnection, window: Int, _ sending: Task<Void, Never>?) {
        self.connection = connection
        self.window = window
        self.sending = sending
    }

    /// Makes a stream whose consumer may be `buffer` values behind.
    static func make(
        _ connection: ClientConnection, buffer: Int, _ sending: Task<Void, Never>? = nil
    ) -> (SharedStream, MessageStream<Payload>) {
        let stream = SharedStream(connection, window: max(BinaryHeader.initialCredit, buffer / 2), sending)
        let producer = Producer.makeSequence(
            elementType: Payload.self, failureType: (any Error).self,
            backPressureStrategy: .init(lowWatermark: max(1, buffer / 2), highWatermark: max(2, buffer)),
            finishOnDeinit: false, delegate: stream)
        stream.source = producer.source
        return (stream, MessageStream(producer.sequence))
    }

    // MARK: On the loop

    /// Notes the call of the stream, before the link sends it.
    func opened(_ call: PendingCall) {
        self.call = call
        // The consumer may have ended the iteration already.
        if hasLeft { call.cancel() }
    }

    /// Takes a value. Returns false if the server had no credit for it.
    func received(_ payload: Payload) -> Bool {
        hasBegun = true
        if credit == 0 { return false }
        credit -= 1
        switch source?.yield(payload) {
        case .stopProducing: wantsMore = false
        // The consumer may have made room since; the sequence does not call the delegate then.
        case .produceMore: wantsMore = true
        case .dropped, nil: break
        }
        expectMore()
        return true
    }

    /// Grants credit in steps of half a window or more, and sets the deadline of the next value. The deadline applies
    /// only while the server has credit, and does not wait for values of the client: a busy consumer and a slow producer are
    /// not the server's fault.
    func expectMore() {
        guard let call, let link = call.link else { return }
        if wantsMore, hasBegun, credit <= window / 2 {
            link.grant(call, window - credit)
            credit = window
        }
        guard credit > 0, call.sender?.isAwaited != true, let timeout = call.call?.silenceLimit else {
            call.deadline = .distantFuture
            return
        }
        call.deadline = .now() + TimeAmount(timeout)
        link.watch(call)
    }

    /// Ends the sequence with the call's result.
    func finish(_ result: Result<Payload, any Error>) {
        switch result {
        case .success: source?.finish()
        case .failure(let error): source?.finish(error)
        }
        source = nil
        call = nil
        sending?.cancel()
    }
}

extension SharedStream: NIOAsyncSequenceProducerDelegate {
    /// Grants credit again, because the consumer has caught up.
    func produceMore() {
        connection.eventLoop.execute {
            self.wantsMore = true
            self.expectMore()
            self.connection.executor.drain()
        }
    }

    /// Cancels the call, because the consumer has ended the iteration or read the end.
    func didTerminate() {
        connection.eventLoop.execute {
            self.hasLeft = true
            self.sending?.cancel()
            self.source = nil
            if let call = self.call { call.link?.forget(call, CancellationError()) }
            self.call = nil
            self.connection.executor.drain()
        }
    }
}
