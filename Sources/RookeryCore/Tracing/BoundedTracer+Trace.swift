import NIOCore
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
            private(set) var first = UnsafeMutablePointer<SpanEntry>.allocate(capacity: Self.usual)
            private var capacity = Self.usual
            /// How many entries fit the largest block that glibc's malloc caches for each thread, which has 1032 bytes: 8. Most traces
            /// have fewer in one process.
            private static let usual = max(1, 1032 / MemoryLayout<SpanEntry>.stride)
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
            /// The way of the last request that began, which is followed while it is taken: reading the entries again costs more.
            var fingerprint = Fingerprint()
            /// How many calls and handlings of that request have not ended.
            var underWay = 0
            /// The number of that request's entry. 0 without one.
            var request = 0
            /// How many requests there were.
            var requests = 0
            /// How many of them have not ended.
            var unended = 0
            /// Whether another request was under way when the last one began.
            var isMixed = false
            /// Whether there was room for each span.
            var isWhole = true

            /// Follows the span of the last entry, which has this step, and began within the entry `parent`.
            mutating func follow(_ step: SpanDetails.Step, within parent: Int) {
                switch step {
                case .request:
                    (fingerprint, underWay) = (Fingerprint(), 0)
                    request = entries.count
                    isMixed = unended > 0
                    requests += 1
                    unended += 1
                case .command(let command):
                    underWay += 1
                    fingerprint.add(command &+ UInt64(truncatingIfNeeded: parent == 0 ? 0 : parent - request + 1))
                case .none: break
                }
            }

            /// Follows the end of the span of an entry.
            mutating func follow(_ end: SpanEnd, of entry: UnsafePointer<SpanEntry>) {
                switch entry.pointee.details {
                case .request: unended -= 1
                case .attempt: break
                case .call, .handling:
                    underWay -= 1
                    if case .error(let outcome) = end { fingerprint.add(Fingerprint(outcome.code ?? "").value) }
                }
            }

            func messages(of span: UInt64) -> Messages? { messages.first { $0.span == span } }
        }

        let id: (high: UInt64, low: UInt64)
        /// The upper 48 bits of the ids of the toolkit's spans. The lower 16 are the number of the entry, from 1 on, and ``attemptBit``.
        /// So a span is found without a search.
        private let base = Traceparent.newSpanID() & ~0xFFFF
        /// Marks the id of a call's first attempt.
        private static let attemptBit: UInt64 = 0x8000
        /// The most spans of the toolkit: 32767.
        static let mostEntries = 0x7FFF
        /// The offset of NIO's clock to the time since 1970, in nanoseconds. The toolkit's spans of a trace share it, so a clock that is
        /// set meanwhile changes no duration; a trace that goes on for hours does not follow it. Spans of other code have the tracer's
        /// clock.
        private let clockOffset: UInt64
        private let state: Mutex<State>
        private let watches: SpanWatches

        init(
            _ id: (high: UInt64, low: UInt64), limit: Int, messages: Int, clockOffset: UInt64, _ watches: SpanWatches
        ) {
            self.id = id
            self.clockOffset = clockOffset
            self.watches = watches
            state = Mutex(State(room: limit, messageRoom: messages))
        }

        deinit { state.withLock { $0.entries.destroy() } }

        /// Nanoseconds since 1970.
        private func time(_ instant: NIODeadline) -> UInt64 { instant.uptimeNanoseconds &+ clockOffset }

        /// The instant of a time of the trace.
        func instant(_ time: UInt64) -> NIODeadline { .uptimeNanoseconds(time &- clockOffset) }

        // MARK: Spans of the toolkit

        /// Starts a span. It is not kept if the trace has as many as it may.
        func begin(_ details: consuming SpanDetails, parent: UInt64, start: NIODeadline) -> LiveSpan {
            let (step, outer) = (details.step, number(of: parent))
            // Moved out of the optional, because a copy would cost as much as everything else here.
            var entry: SpanEntry? = SpanEntry(parent: parent, start: start, details: details)
            let number = state.withLock { state -> Int? in
                guard state.room > 0, let entry = entry.take() else {
                    state.isWhole = false
                    return nil
                }
                state.room -= 1
                state.entries.append(entry)
                state.follow(step, within: outer)
                return state.entries.count
            }
            return LiveSpan(trace: self, id: number.map { base | UInt64($0) } ?? Traceparent.newSpanID())
        }

        /// Starts an attempt of a call. `call` is the span of the call, or of what the call is within.
        func beginAttempt(
            _ command: Command, _ number: Int, host: String, port: Int, of call: UInt64, start: NIODeadline
        ) -> LiveSpan {
            if number == 1 {
                let isFirst = state.withLock { state in
                    guard state.room > 0, let entry = entry(call, state), entry.pointee.attempt == nil,
                        case .call = entry.pointee.details
                    else { return false }
                    state.room -= 1
                    entry.pointee.attempt = SpanEntry.Attempt(host: host, port: port, start: start)
                    return true
                }
                if isFirst { return LiveSpan(trace: self, id: call | Self.attemptBit) }
            }
            return begin(.attempt(command, number, host: host, port: port), parent: call, start: start)
        }

        /// The entry of a span or of its first attempt. Nil for other ids.
        private func entry(_ id: UInt64, _ state: borrowing State) -> UnsafeMutablePointer<SpanEntry>? {
            let number = number(of: id)
            return number > 0 && number <= state.entries.count ? state.entries.first + (number - 1) : nil
        }

        /// The number of the entry of a span or of its first attempt. 0 for other ids.
        private func number(of id: UInt64) -> Int { id & ~0xFFFF == base ? Int(id & ~Self.attemptBit & 0xFFFF) : 0 }

        func end(_ id: UInt64, _ end: SpanEnd, at instant: NIODeadline) {
            let isTold = watches.isWatched
            let told = state.withLock { state -> BoundedSpan? in
                guard let entry = entry(id, state) else { return nil }
                if id & Self.attemptBit == 0 {
                    if entry.pointee.end != nil { return nil }
                    entry.pointee.end = end
                    entry.pointee.ended = instant
                    state.follow(end, of: entry)
                    return isTold ? span(id, entry, state) : nil
                }
                if entry.pointee.attempt?.end != nil { return nil }
                entry.pointee.attempt?.end = end
                entry.pointee.attempt?.ended = instant
                return isTold ? attempt(of: id & ~Self.attemptBit, entry) : nil
            }
            if let told { watches.ended(told) }
        }

        /// A span that has ended, to be read. Nil while it is under way.
        private func span(_ id: UInt64, _ entry: UnsafePointer<SpanEntry>, _ state: borrowing State) -> BoundedSpan? {
            entry.pointee.end.map {
                BoundedSpan(
                    entry.pointee.details, self, id: id, parent: entry.pointee.parent, start: time(entry.pointee.start),
                    $0, at: time(entry.pointee.ended), messages: state.messages(of: id))
            }
        }

        /// The first attempt of a call that has ended, to be read. Nil while it is under way, and without one.
        private func attempt(of call: UInt64, _ entry: UnsafePointer<SpanEntry>) -> BoundedSpan? {
            guard let attempt = entry.pointee.attempt, let end = attempt.end,
                case .call(let command, _, _) = entry.pointee.details
            else { return nil }
            return BoundedSpan(
                .attempt(command, 1, host: attempt.host, port: attempt.port), self, id: call | Self.attemptBit,
                parent: call, start: time(attempt.start), end, at: time(attempt.ended), messages: nil)
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
                    let (id, entry) = (base | UInt64(at + 1), state.entries.first + at)
                    if let span = span(id, entry, state) { spans.append(span) }
                    if let attempt = attempt(of: id, entry) { spans.append(attempt) }
                }
                return spans
            }
            spans.sort { $0.ended < $1.ended }
            return spans
        }

        /// The outline of a request that has ended, by the id of its span. Without an id: of all that the trace had since its last request,
        /// or since its beginning. Nil if the trace had no room for a span, if another request of it began later, or if one was under way
        /// when this one began.
        func outline(of request: UInt64? = nil) -> TraceOutline? {
            state.withLock { state in
                let isLast = request.map { number(of: $0) == state.request } ?? true
                guard isLast, state.isWhole, !state.isMixed else { return nil }
                // What has not ended may still add to its way.
                var whole = state.fingerprint
                whole.add(UInt64(truncatingIfNeeded: state.underWay))
                return TraceOutline(value: whole.value, isShared: state.requests > 1)
            }
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
