import Synchronization

extension BoundedTracer {
    /// The spans of one trace in this process.
    final class Trace: Sendable {
        /// Message and reply of a call.
        struct Messages {
            let span: UInt64
            let message: String
            var reply: String?
        }

        /// The spans of the toolkit, in the order of their starts. It is no array, because each access to a member of an element would copy
        /// the whole element.
        private struct Entries {
            private(set) var first = UnsafeMutablePointer<SpanEntry>.allocate(capacity: 8)
            private var capacity = 8
            private(set) var count = 0

            mutating func append(_ entry: consuming SpanEntry) {
                if count == capacity {
                    let larger = UnsafeMutablePointer<SpanEntry>.allocate(capacity: capacity * 2)
                    larger.moveInitialize(from: first, count: count)
                    first.deallocate()
                    (first, capacity) = (larger, capacity * 2)
                }
                (first + count).initialize(to: entry)
                count += 1
            }

            /// The entry of a span that `isIt` finds. Those that are under way are among the newest.
            func last(_ isIt: (UnsafeMutablePointer<SpanEntry>) -> Bool) -> UnsafeMutablePointer<SpanEntry>? {
                var at = first + count
                while at > first {
                    at -= 1
                    if isIt(at) { return at }
                }
                return nil
            }

            func destroy() {
                first.deinitialize(count: count)
                first.deallocate()
            }
        }

        private struct State {
            var entries = Entries()
            /// Spans of other code that have ended. They refer to the trace, so they must be removed when it is forgotten.
            var others: [BoundedSpan] = []
            var messages: [Messages] = []
            /// How many more spans it keeps.
            var room: Int
            /// Of how many more calls it keeps the messages.
            var messageRoom: Int
            /// Whether the tracer has removed it.
            var isForgotten = false

            func messages(of span: UInt64) -> Messages? { messages.first { $0.span == span } }
        }

        let id: (high: UInt64, low: UInt64)
        private let state: Mutex<State>
        private let watches: SpanWatches

        init(_ id: (high: UInt64, low: UInt64), limit: Int, messages: Int, _ watches: SpanWatches) {
            self.id = id
            self.watches = watches
            state = Mutex(State(room: limit, messageRoom: messages))
        }

        deinit { state.withLock { $0.entries.destroy() } }

        // MARK: Spans of the toolkit

        /// Starts a span. It is not kept if the trace has as many as it may.
        func begin(_ details: consuming SpanDetails, parent: UInt64, start: UInt64) -> LiveSpan {
            let id = Traceparent.newSpanID()
            let entry = SpanEntry(id: id, parent: parent, start: start, details: details)
            state.withLock { state in
                if state.room == 0 { return }
                state.room -= 1
                state.entries.append(entry)
            }
            return LiveSpan(trace: self, id: id)
        }

        /// Starts an attempt of a call. `call` is the span of the call, or of what the call is within.
        func beginAttempt(
            _ command: Command, _ number: Int, host: String, port: Int, of call: UInt64, start: UInt64
        ) -> LiveSpan {
            if number == 1 {
                let id = Traceparent.newSpanID()
                let isFirst = state.withLock { state in
                    guard let entry = state.entries.last({ $0.pointee.id == call }), entry.pointee.attempt == 0,
                        state.room > 0,
                        case .call = entry.pointee.details
                    else { return false }
                    state.room -= 1
                    entry.pointee.attempt = id
                    entry.pointee.attemptStart = start
                    entry.pointee.host = host
                    entry.pointee.port = port
                    return true
                }
                if isFirst { return LiveSpan(trace: self, id: id) }
            }
            return begin(.attempt(command, number, host: host, port: port), parent: call, start: start)
        }

        func end(_ id: UInt64, _ conclusion: SpanEnd, at end: UInt64) {
            let isTold = watches.isWatched
            let told = state.withLock { state -> BoundedSpan? in
                guard let entry = state.entries.last({ $0.pointee.id == id || $0.pointee.attempt == id }) else {
                    return nil
                }
                if entry.pointee.id == id {
                    guard entry.pointee.end == 0 else { return nil }
                    entry.pointee.end = max(1, end)
                    entry.pointee.conclusion = conclusion
                    return isTold ? BoundedSpan(entry.pointee, self, messages: state.messages(of: id)) : nil
                }
                guard entry.pointee.attemptEnd == 0 else { return nil }
                entry.pointee.attemptEnd = max(1, end)
                entry.pointee.attemptConclusion = conclusion
                return isTold ? entry.pointee.attemptSpan(self) : nil
            }
            if let told { watches.ended(told) }
        }

        /// Keeps the message of a call, if the trace has room for one.
        func note(_ id: UInt64, message: @autoclosure () -> String?) {
            let hasRoom = state.withLock { state in
                if state.messageRoom == 0 { return false }
                state.messageRoom -= 1
                return true
            }
            guard hasRoom, let message = message() else { return }
            state.withLock { $0.messages.append(Messages(span: id, message: message)) }
        }

        /// Keeps the reply to a call whose message was kept.
        func note(_ id: UInt64, reply: @autoclosure () -> String?) {
            guard state.withLock({ $0.messages(of: id) != nil }), let reply = reply() else { return }
            state.withLock { state in
                if let at = state.messages.firstIndex(where: { $0.span == id }) { state.messages[at].reply = reply }
            }
        }

        // MARK: Spans of other code

        func record(_ span: BoundedSpan) {
            let hasRoom = state.withLock { state in
                if state.room == 0 { return false }
                state.room -= 1
                if !state.isForgotten { state.others.append(span) }
                return true
            }
            if hasRoom { watches.ended(span) }
        }

        // MARK: Reading

        /// The spans that have ended, sorted by end.
        var spans: [BoundedSpan] {
            var spans = state.withLock { state in
                var spans = state.others
                for at in 0..<state.entries.count {
                    let entry = state.entries.first[at]
                    if entry.end != 0 { spans.append(BoundedSpan(entry, self, messages: state.messages(of: entry.id))) }
                    if entry.attemptEnd != 0, let span = entry.attemptSpan(self) { spans.append(span) }
                }
                return spans
            }
            spans.sort { $0.ended < $1.ended }
            return spans
        }

        /// Removes what refers to the trace, because the tracer has removed it. Spans that are under way keep it for as long as they are.
        func forget() {
            let others = state.withLock { state in
                state.isForgotten = true
                defer { state.others = [] }
                return state.others
            }
            // Deinitialised outside the lock.
            _ = others
        }
    }
}
