import NIOCore
import RookeryCore
import RookeryWire

/// A stream among the other calls of a negotiated connection. Its consumer's pace reaches the server as credit: when the
/// consumer is slow, the handler waits, and no other handler does.
///
/// Confined to its connection's event loop; the sequence's delegate comes from other threads and goes there.
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
    /// The server knows the call as a stream once it has sent a value, and takes credit from then on.
    private var hasBegun = false
    private var hasLeft = false

    private init(_ connection: ClientConnection, window: Int) {
        self.connection = connection
        self.window = window
    }

    /// A stream whose consumer may be `buffer` values behind.
    static func make(_ connection: ClientConnection, buffer: Int) -> (SharedStream, MessageStream<Payload>) {
        let stream = SharedStream(connection, window: max(BinaryHeader.initialCredit, buffer / 2))
        let producer = Producer.makeSequence(
            elementType: Payload.self, failureType: (any Error).self,
            backPressureStrategy: .init(lowWatermark: max(1, buffer / 2), highWatermark: max(2, buffer)),
            finishOnDeinit: false, delegate: stream)
        stream.source = producer.source
        return (stream, MessageStream(producer.sequence))
    }

    // MARK: On the loop

    /// It is about to be sent.
    func opened(_ call: PendingCall) {
        self.call = call
        // Its consumer may have left before it began.
        if hasLeft { call.cancel() }
    }

    /// False when the server had no credit for it.
    func received(_ payload: Payload) -> Bool {
        hasBegun = true
        if credit == 0 { return false }
        credit -= 1
        switch source?.yield(payload) {
        case .stopProducing: wantsMore = false
        // The consumer may have made room in between; the delegate is not told then.
        case .produceMore: wantsMore = true
        case .dropped, nil: break
        }
        expectMore()
        return true
    }

    /// Grants credit in halves of the window; and the peer is given time for the next value only while it may send one: a
    /// busy consumer is not its fault.
    private func expectMore() {
        guard let call, let link = call.link else { return }
        if wantsMore, hasBegun, credit <= window / 2 {
            link.grant(call, window - credit)
            credit = window
        }
        guard credit > 0, let timeout = call.call?.silenceLimit else {
            call.deadline = .distantFuture
            return
        }
        call.deadline = .now() + TimeAmount(timeout)
        link.watch(call)
    }

    /// It has ended.
    func finish(_ result: Result<Payload, any Error>) {
        switch result {
        case .success: source?.finish()
        case .failure(let error): source?.finish(error)
        }
        source = nil
        call = nil
    }
}

extension SharedStream: NIOAsyncSequenceProducerDelegate {
    /// The consumer has caught up.
    func produceMore() {
        connection.eventLoop.execute {
            self.wantsMore = true
            self.expectMore()
            self.connection.executor.drain()
        }
    }

    /// The consumer has left, or has read the end.
    func didTerminate() {
        connection.eventLoop.execute {
            self.hasLeft = true
            self.source = nil
            if let call = self.call { call.link?.forget(call, CancellationError()) }
            self.call = nil
            self.connection.executor.drain()
        }
    }
}
