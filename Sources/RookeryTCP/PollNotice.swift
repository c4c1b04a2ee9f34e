import NIOCore
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Calls back after an event loop has polled its sockets.
///
/// NIO runs the tasks of a loop, and the tasks that these add, before it polls again. So work that adds a task for its rest
/// would keep the loop from its sockets for as long as there is work. The notice sends a byte through a pipe to itself, which
/// the loop only reads when it polls. It makes the pipe on first use.
final class PollNotice: @unchecked Sendable {
    // Sendable, unchecked: the event loop confines all mutable state. Each method runs on it.

    private enum State {
        case none
        case opening
        case open(any Channel)
        /// There are no descriptors for a pipe, or the loop is being shut down.
        case impossible
    }

    private let eventLoop: any EventLoop
    private let polled: @Sendable () -> Void
    private var state = State.none
    /// Whether a byte is on its way through the pipe.
    private var isAsked = false

    /// Makes a notice that calls `polled` on the loop.
    init(_ eventLoop: any EventLoop, _ polled: @Sendable @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.polled = polled
    }

    /// Asks for the call. On the loop, and not again before it came. Without a pipe the call comes as a task of the loop, perhaps
    /// before the loop polls.
    func request() {
        switch state {
        case .open(let channel):
            isAsked = true
            channel.writeAndFlush(ByteBuffer(bytes: [0]), promise: nil)
        case .none:
            eventLoop.execute(polled)
            open()
        case .opening, .impossible: eventLoop.execute(polled)
        }
    }

    private func answered() {
        isAsked = false
        polled()
    }

    private func open() {
        state = .impossible
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        state = .opening
        NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(notice: self))
                }
            }
            .takingOwnershipOfDescriptors(input: ends[0], output: ends[1])
            .hop(to: eventLoop)
            .whenComplete { [ends] opened in
                switch opened {
                case .success(let channel): self.state = .open(channel)
                case .failure:
                    self.state = .impossible
                    for end in ends { _ = close(end) }
                }
            }
    }

    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let notice: PollNotice

        init(notice: PollNotice) { self.notice = notice }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { notice.answered() }

        func channelInactive(context: ChannelHandlerContext) {
            notice.state = .impossible
            // The byte is lost with the pipe, and the jobs that wait for it must not be.
            if notice.isAsked { notice.answered() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
