import NIOCore
import Rookery
import RookeryCore
import RookeryTesting
import Synchronization
import Testing

@Contract
private protocol LogAPI: Sendable {
    @StreamPattern(cmd: "follow", resuming: .after("after", cursor: "cursor", on: ["SLOW_READER"]))
    func follow(_ request: Follow) async throws -> MessageStream<LogLine>

    @StreamPattern(cmd: "follow-once")
    func followOnce(_ request: Follow) async throws -> MessageStream<LogLine>
}

@Message
private struct Follow {
    var topic: String
    var after: String?
}

@Message
private struct LogLine {
    var number: Int
    var cursor: String?
}

@Suite("A stream that breaks")
struct ResumptionStateTests {
    private static let lost = CallError(.connectionLost, "lost", wasWritten: true)
    private static let resumption = StreamResumption.after("after", cursor: "cursor", on: ["SLOW_READER"])
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func state() -> ResumptionState { ResumptionState(Self.resumption, patience: .seconds(5)) }

    @Test("goes on after its last cursor, and from its beginning if nothing came yet")
    func cursors() {
        var state = state()
        #expect(state.broke(Self.lost, at: start) == .reopen(after: nil, failures: 1))
        #expect(state.broke(Self.lost, at: start) == .reopen(after: nil, failures: 2))
        state.received(cursor: "e:1")
        #expect(state.broke(Self.lost, at: start) == .reopen(after: "e:1", failures: 1), "a value ends the failures")
        state.received(cursor: "e:2")
        #expect(state.broke(Self.lost, at: start) == .reopen(after: "e:2", failures: 1))
    }

    @Test("does not go on where values would come twice: after one that has no cursor")
    func looseValues() {
        var state = state()
        state.received(cursor: nil)
        #expect(state.broke(Self.lost, at: start) == .fail)
        state.received(cursor: "e:1")
        #expect(state.broke(Self.lost, at: start) == .reopen(after: "e:1", failures: 1))
        state.received(cursor: nil)
        #expect(state.broke(Self.lost, at: start) == .fail)
    }

    @Test("is given up when it has been broken for as long as it may be silent")
    func patience() {
        var state = state()
        state.received(cursor: "e:1")
        #expect(state.broke(Self.lost, at: start) == .reopen(after: "e:1", failures: 1))
        #expect(state.broke(Self.lost, at: start + .milliseconds(4999)) == .reopen(after: "e:1", failures: 2))
        #expect(state.broke(Self.lost, at: start + .seconds(5)) == .fail)
        state.received(cursor: "e:2")
        let later = start + .seconds(60)
        #expect(state.broke(Self.lost, at: later) == .reopen(after: "e:2", failures: 1))
    }

    @Test("waits as long as the peer asks, and is given up when that is longer than its patience, or never")
    func retryAfter() {
        func step(_ milliseconds: JSONValue) -> ResumptionState.Step {
            var state = self.state()
            return state.broke(RemoteError(.overloaded, "", details: ["retryAfterMs": milliseconds]), at: start)
        }
        #expect(step(0) == .reopen(after: nil, failures: 1) && step(5000) == .reopen(after: nil, failures: 1))
        for never: JSONValue in [-1, 5001, .int(.max), .int(.min)] { #expect(step(never) == .fail, "\(never)") }
        let asked = RemoteError(.overloaded, "", details: ["retryAfterMs": 300])
        #expect(ResumptionState.wait(askedBy: asked) == .milliseconds(300))
        var state = self.state()
        let open = CallError(.breakerOpen, "", retryAfter: .seconds(30))
        #expect(state.broke(open, at: start) == .fail)
    }

    @Test("goes on after what may pass, and after nothing else")
    func errors() {
        let passing: [any Error] = [
            Self.lost, CallError(.cannotConnect, ""), CallError(.streamTimeout, ""), CallError(.timeout, ""),
            CallError(.noInstance, ""), CallError(.breakerOpen, ""), RemoteError(.overloaded, ""),
            RemoteError(.shuttingDown, ""), RemoteError("SLOW_READER", ""),
        ]
        for error in passing {
            var state = state()
            #expect(state.broke(error, at: start) == .reopen(after: nil, failures: 1), "\(error)")
        }
        let final: [any Error] = [
            CancellationError(), CallError(.noHandler, ""), CallError(.invalidReply, ""), CallError(.closed, ""),
            RemoteError("NO_SUCH_TOPIC", ""), RemoteError(message: "text"), RemoteError(.invalidPayload, ""),
        ]
        for error in final {
            var state = state()
            #expect(state.broke(error, at: start) == .fail, "\(error)")
        }
    }
}

@Suite("A stream whose contract says how it goes on", .timeLimit(.minutes(1)))
struct ResumptionTests {
    /// Serves numbers to 9. Each opening but the last ends with an error after some of them.
    private final class Log: Sendable {
        let requests = Mutex<[String?]>([])
        let breaks: [Int]
        let error: any Error
        let hasCursors: Bool

        init(breaks: [Int], error: any Error, hasCursors: Bool = true) {
            self.breaks = breaks
            self.error = error
            self.hasCursors = hasCursors
        }

        func stream(_ request: Follow) -> MessageStream<LogLine> {
            let opening = requests.withLock { requests in
                requests.append(request.after)
                return requests.count - 1
            }
            let first = (request.after.flatMap { Int($0) } ?? 0) + 1
            let next = Mutex(first)
            let end = opening < breaks.count ? first + breaks[opening] : 10
            return MessageStream(unfolding: { [error, hasCursors, breaks] in
                let number = next.withLock { number in
                    defer { number += 1 }
                    return number
                }
                if number < end { return LogLine(number: number, cursor: hasCursors ? "\(number)" : nil) }
                if opening < breaks.count { throw error }
                return nil
            })
        }
    }

    private func read(_ log: Log, once: Bool = false) async throws -> [Int] {
        var stub = LogAPIStub()
        stub.followHandler = { log.stream($0) }
        stub.followOnceHandler = { log.stream($0) }
        let client = LogAPIClient(try RookeryClient(inMemory: LogAPIContract.service(stub)))
        let request = Follow(topic: "a")
        var numbers: [Int] = []
        let stream = try await once ? client.followOnce(request) : client.follow(request)
        for try await line in stream { numbers.append(line.number) }
        return numbers
    }

    @Test("is opened again with its last cursor, and its reader notices nothing")
    func resumed() async throws {
        let log = Log(breaks: [3, 0, 2], error: RemoteError(.shuttingDown, "going away"))
        #expect(try await read(log) == Array(1...9))
        #expect(log.requests.withLock { $0 } == [nil, "3", "3", "5"])
    }

    @Test("fails with the service's own refusals, and a stream whose contract says nothing with every error")
    func refused() async throws {
        let refusal = Log(breaks: [3], error: RemoteError("NO_SUCH_TOPIC", "no topic"))
        await #expect(throws: RemoteError("NO_SUCH_TOPIC", "no topic")) { try await read(refusal) }
        #expect(refusal.requests.withLock { $0.count } == 1)
        let once = Log(breaks: [3], error: RemoteError(.shuttingDown, "going away"))
        await #expect(throws: RemoteError.self) { try await read(once, once: true) }
        #expect(once.requests.withLock { $0.count } == 1)
        let loose = Log(breaks: [3], error: RemoteError(.shuttingDown, "going away"), hasCursors: false)
        await #expect(throws: RemoteError.self) { try await read(loose) }
        #expect(loose.requests.withLock { $0.count } == 1)
    }

    @Test("does not begin anew when its request has no member for a cursor: it fails")
    func wrongMember() throws {
        let wrong = StreamResumption.after("since", cursor: "cursor")
        #expect(throws: CallError.self) { try wrong.request(Follow(topic: "a"), after: "3") }
        let right = StreamResumption.after("after", cursor: "cursor")
        #expect(try right.request(Follow(topic: "a"), after: "3").after == "3")
    }

    @Test("is described with the members that it goes on by, which a raw client can use")
    func described() async throws {
        let description = LogAPIContract.descriptor.description(service: "log")
        let resuming = try #require(description["commands"]?.arrayValue?.first?["resuming"])
        #expect(resuming == ["after": "after", "cursor": "cursor", "codes": ["SLOW_READER"]])
        #expect(StreamResumption(resuming) == .after("after", cursor: "cursor", on: ["SLOW_READER"]))
        #expect(description["commands"]?.arrayValue?.last?["resuming"] == nil)
        let log = Log(breaks: [4], error: RemoteError("SLOW_READER", "too slow"))
        var stub = LogAPIStub()
        stub.followHandler = { log.stream($0) }
        let client = try RookeryClient(inMemory: LogAPIContract.service(stub))
        var numbers: [Int?] = []
        let stream = try await client.stream(
            Pattern(cmd: "follow"), ["topic": "a"], resuming: StreamResumption(resuming))
        for try await value in stream { numbers.append(value?["number"]?.intValue) }
        #expect(numbers == Array(1...9))
    }
}
