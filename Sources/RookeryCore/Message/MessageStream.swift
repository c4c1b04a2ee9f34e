import Synchronization
import Tracing

/// An asynchronous sequence of values with backpressure: the producer waits for the consumer. Iterate it once.
public struct MessageStream<Element: Sendable>: AsyncSequence, Sendable {
    /// Reads the values.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let pull: () async throws -> Element?

        init(_ pull: @escaping () async throws -> Element?) { self.pull = pull }

        /// Returns the next value, or nil at the end. Cancelling the task ends the stream.
        public mutating func next() async throws -> Element? { try await pull() }
    }

    private let start: @Sendable () -> AsyncIterator

    /// Creates a stream of the elements of a sequence.
    public init<Source: AsyncSequence & Sendable>(_ source: Source) where Source.Element == Element {
        start = {
            let state = IteratorBox(source.makeAsyncIterator())
            return AsyncIterator { try await state.next() }
        }
    }

    /// Creates a stream of known values.
    public init(_ values: [Element]) {
        start = {
            var rest = values[...]
            return AsyncIterator { rest.popFirst() }
        }
    }

    /// Creates a stream that calls `next` for each value, until it returns nil.
    public init(unfolding next: @escaping @Sendable () async throws -> Element?) {
        start = { AsyncIterator { try await next() } }
    }

    /// Starts to read.
    public func makeAsyncIterator() -> AsyncIterator { start() }
}

/// Keeps an iterator between the calls of a closure. Only one task iterates.
private final class IteratorBox<Base: AsyncIteratorProtocol> {
    private var base: Base
    init(_ base: Base) { self.base = base }
    func next() async throws -> Base.Element? { try await base.next(isolation: #isolation) }
}

extension MessageStream {
    /// Returns a stream with every value transformed. `AsyncMapSequence` is not Sendable for every closure.
    package func mapped<Output: Sendable>(
        _ transform: @escaping @Sendable (Element) async throws -> Output
    ) -> MessageStream<Output> {
        MessageStream<Output>(Mapped(source: self, transform: transform))
    }

    /// Returns a stream whose values are produced in a service context.
    func inContext(_ context: ServiceContext?) -> MessageStream {
        MessageStream(InContext(source: self, context: context))
    }

    /// Returns a stream that reports its end once.
    ///
    /// `body` receives nil after the last value, or the stream's error. It receives `CancellationError` if the reader
    /// stops before the end.
    package func onEnd(_ body: @escaping @Sendable ((any Error)?) -> Void) -> MessageStream {
        MessageStream(Observed(source: self, end: Observed.End(body)))
    }
}

private struct Mapped<Element: Sendable, Output: Sendable>: AsyncSequence, Sendable {
    let source: MessageStream<Element>
    let transform: @Sendable (Element) async throws -> Output

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: MessageStream<Element>.AsyncIterator
        let transform: @Sendable (Element) async throws -> Output

        mutating func next() async throws -> Output? {
            guard let value = try await base.next() else { return nil }
            return try await transform(value)
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: source.makeAsyncIterator(), transform: transform)
    }
}

private struct InContext<Element: Sendable>: AsyncSequence, Sendable {
    let source: MessageStream<Element>
    let context: ServiceContext?

    struct AsyncIterator: AsyncIteratorProtocol {
        let base: IteratorBox<MessageStream<Element>.AsyncIterator>
        let context: ServiceContext?

        mutating func next() async throws -> Element? {
            try await ServiceContext.$current.withValue(context) { try await base.next() }
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: IteratorBox(source.makeAsyncIterator()), context: context)
    }
}

private struct Observed<Element: Sendable>: AsyncSequence, Sendable {
    let source: MessageStream<Element>
    let end: End

    /// Reports the end once: after the last value, at an error, or when no reader is left.
    final class End: Sendable {
        private let body: @Sendable ((any Error)?) -> Void
        private let isOver = Atomic(false)

        init(_ body: @escaping @Sendable ((any Error)?) -> Void) { self.body = body }
        func reached(_ error: (any Error)?) {
            if !isOver.exchange(true, ordering: .relaxed) { body(error) }
        }
        deinit { reached(CancellationError()) }
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: MessageStream<Element>.AsyncIterator
        let end: End

        mutating func next() async throws -> Element? {
            do {
                let value = try await base.next()
                if value == nil { end.reached(nil) }
                return value
            } catch {
                end.reached(error)
                throw error
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: source.makeAsyncIterator(), end: end) }
}
