/// Values over time, produced only as fast as they are consumed. Iterate it once.
public struct MessageStream<Element: Sendable>: AsyncSequence, Sendable {
    /// Reads the values.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let pull: () async throws -> Element?

        init(_ pull: @escaping () async throws -> Element?) { self.pull = pull }

        /// The next value; nil at the end. Cancelling the task ends the stream.
        public mutating func next() async throws -> Element? { try await pull() }
    }

    private let start: @Sendable () -> AsyncIterator

    /// A stream of what a sequence gives.
    public init<Source: AsyncSequence & Sendable>(_ source: Source) where Source.Element == Element {
        start = {
            let state = IteratorBox(source.makeAsyncIterator())
            return AsyncIterator { try await state.next() }
        }
    }

    /// A stream of known values.
    public init(_ values: [Element]) {
        start = {
            var rest = values[...]
            return AsyncIterator { rest.popFirst() }
        }
    }

    /// A stream whose values are asked for one after another, until nil.
    public init(unfolding next: @escaping @Sendable () async throws -> Element?) {
        start = { AsyncIterator { try await next() } }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator { start() }
}

/// Lets a closure keep an iterator between calls; only one task ever iterates.
private final class IteratorBox<Base: AsyncIteratorProtocol> {
    private var base: Base
    init(_ base: Base) { self.base = base }
    func next() async throws -> Base.Element? { try await base.next(isolation: #isolation) }
}
