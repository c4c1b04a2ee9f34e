import Foundation
import NIOCore
import PetProContracts
import Rookery
import Testing
import TraceStore

@testable import APIGateway

@Suite("The spans that the console keeps")
struct SpanStoreTests {
    private func hex(_ number: Int, _ digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }

    private func span(_ owner: String, _ number: Int, trace: Int, parent: Int? = 1) -> OwnedSpan {
        OwnedSpan(
            owner: owner,
            record: SpanRecord(
                kind: .call, trace: hex(trace, 32), id: hex(number, 16), parent: parent.map { hex($0, 16) },
                name: "create-booking", service: "booking", attempt: nil, instance: nil, start: 1, duration: 2,
                code: nil,
                isFailure: false, status: nil, path: nil, left: nil, message: nil, reply: nil))
    }

    private func withFile(_ body: (String) async throws -> Void) async throws {
        let folder = NSTemporaryDirectory() + "spans-\(UUID())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder + "/8080.sqlite")
    }

    private let now = Instant(milliseconds: 1_000_000_000)
    private func isRoot(_ span: OwnedSpan) -> Bool { span.record.parent == nil }

    @Test("are there after a restart, for an hour, in a file that only its user reads")
    func restart() async throws {
        try await withFile { path in
            let first = try SpanStore(path)
            #expect(
                try await first.add(
                    [span("vendor", 2, trace: 7), span("auth", 1, trace: 7, parent: nil)], at: now, isRequest: isRoot)
                    == 0)
            // Once more is the same.
            #expect(try await first.add([span("vendor", 2, trace: 7)], at: now, isRequest: isRoot) == 0)
            try first.close()
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let second = try SpanStore(path)
            #expect(try await second.spans(of: hex(7, 32)).map(\.owner) == ["vendor", "auth"])
            #expect(try await second.spans(of: hex(7, 32)).first == span("vendor", 2, trace: 7))
            #expect(
                try await second.newestRequests(9)
                    .map { "\($0.trace) \($0.span)" } == ["\(hex(7, 32)) \(hex(1, 16))"])
            try await second.prune(at: now + SpanStore.age)
            #expect(try await second.spans(of: hex(7, 32)).count == 2)
            try await second.prune(at: now + SpanStore.age + .milliseconds(1))
            #expect(try await second.spans(of: hex(7, 32)).isEmpty && second.bytes.isEmpty)
            try second.close()
        }
    }

    @Test("are bounded in bytes for each service: a chatty one evicts its own oldest, and nobody else's")
    func bounds() async throws {
        let store = try SpanStore(nil, ringBytes: 40_000)
        _ = try await store.add([span("auth", 1, trace: 1)], at: now, isRequest: isRoot)
        for batch in 0..<10 {
            let spans = (0..<100).map { span("vendor", 10 + batch * 100 + $0, trace: 1000 + batch * 100 + $0) }
            _ = try await store.add(spans, at: now, isRequest: isRoot)
            #expect((store.bytes["vendor"] ?? 0) <= 40_000)
        }
        #expect(try await store.spans(of: hex(1, 32)).count == 1)
        #expect(try await store.spans(of: hex(1000, 32)).isEmpty)
        #expect(try await store.spans(of: hex(1999, 32)).count == 1)
    }

    @Test("are of a bounded number of services")
    func services() async throws {
        let store = try SpanStore(nil)
        let spans = (0..<(SpanStore.services + 3)).map { span("service-\($0)", $0 + 1, trace: 1) }
        #expect(try await store.add(spans, at: now, isRequest: isRoot) == 3)
        #expect(store.bytes.count == SpanStore.services)
        // Those of the platform have their places whatever others send.
        let shared = try SpanStore(nil, own: ["gateway", "auth"])
        #expect(try await shared.add(spans, at: now, isRequest: isRoot) == 5)
        #expect(
            try await shared.add([span("auth", 1, trace: 2), span("gateway", 2, trace: 2)], at: now, isRequest: isRoot)
                == 0)
    }

    @Test("are given up with a file that is damaged: the console starts all the same")
    func damaged() async throws {
        try await withFile { path in
            try Data("this is no database, and longer than a header of one. ".utf8).write(
                to: URL(fileURLWithPath: path))
            let store = try SpanStore(path)
            _ = try await store.add([span("auth", 1, trace: 1)], at: now, isRequest: isRoot)
            #expect(try await store.spans(of: hex(1, 32)).count == 1)
            try store.close()
        }
    }
}

@Suite("Which requests the console keeps, and counts")
struct SamplingTests {
    @Test("are a number a second, and all that failed or took long, up to a limit")
    func sampling() {
        var sampling = TraceSampling(perSecond: 10, slow: .milliseconds(500))
        let start = NIODeadline.uptimeNanoseconds(1)
        func kept(_ status: Int, _ took: TimeAmount, at uptime: TimeAmount) -> Int {
            (0..<1000).count { _ in sampling.keeps(status: status, took: took, at: start + uptime) }
        }
        #expect(kept(200, .milliseconds(1), at: .zero) == 10)
        #expect(kept(404, .milliseconds(1), at: .milliseconds(500)) == 5)
        #expect(kept(200, .milliseconds(1), at: .seconds(100)) == 10)
        #expect(kept(503, .milliseconds(1), at: .seconds(100)) == TraceSampling.mostRemarkable)
        #expect(kept(200, .milliseconds(500), at: .milliseconds(100_500)) == TraceSampling.mostRemarkable / 2)
        // Time that goes back gives nothing.
        #expect(kept(503, .zero, at: .zero) == 0)
        var none = TraceSampling(perSecond: 0, slow: .milliseconds(500))
        let isKept = none.keeps(status: 200, took: .zero, at: start + .seconds(9))
        #expect(!isKept)
    }

    @Test("wait for their judgement in small numbers of one trace, which a client may give to all of its requests")
    func oneTrace() {
        let board = TraceBoard(BoundedTracer(), flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let trace = Traceparent.random()
        for _ in 0..<100 { board.ended(trace, isOwn: false, flow: nil, status: 200, took: .zero) }
        let other = Traceparent.random()
        board.ended(other, isOwn: true, flow: nil, status: 200, took: .zero)
        let due = board.due(1000, at: .now() + .seconds(60))
        #expect(due.count(where: { $0.trace == trace.traceID }) == TraceBoard.pendingOfTrace)
        #expect(due.last?.trace == other.traceID && board.left == 100 - TraceBoard.pendingOfTrace)
    }

    @Test("are all counted, by operation, with the times of the last minutes")
    func counts() {
        let counts = OperationCounts(["GET /a", "POST /b"])
        let start = NIODeadline.uptimeNanoseconds(1)
        func count(_ method: String, _ path: String, _ status: Int, _ took: TimeAmount) {
            counts.count(method, path, status, from: start + .seconds(5) - took, to: start + .seconds(5))
        }
        for at in 0..<1000 { count("GET", "/a", 200, .milliseconds(Int64(at + 1))) }
        count("POST", "/b", 409, .milliseconds(5))
        count("POST", "/b", 503, .milliseconds(5))
        count("GET", "/of-nobody", 404, .milliseconds(5))
        let all = counts.all(at: start + .seconds(6))
        #expect(all.map(\.operation) == ["GET /a", "POST /b", "(no route)"])
        #expect(
            all[1].numbers.refused == 1 && all[1].numbers.failed == 1 && all[1].numbers.statuses == [409: 1, 503: 1])
        for (share, milliseconds) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let time = all[0].numbers.time(of: share).map { $0 / .milliseconds(1) } ?? 0
            #expect((milliseconds...milliseconds * 1.13).contains(time), "\(share): \(time)")
        }
        // The times are of the last one or two minutes, the numbers of all.
        #expect(counts.all(at: start + .seconds(65))[0].numbers.recent == 1000)
        #expect(counts.all(at: start + .seconds(125))[0].numbers.recent == 0)
        #expect(counts.all(at: start + .seconds(125))[0].numbers.requests == 1000)
    }

    @Test("have times from a microsecond to minutes")
    func times() {
        for time in [
            Duration.zero, .nanoseconds(1), .microseconds(1), .microseconds(7), .milliseconds(3), .seconds(100),
            .seconds(100_000_000),
        ] {
            let counts = OperationCounts(["GET /a"])
            let start = NIODeadline.uptimeNanoseconds(1)
            counts.count("GET", "/a", 200, from: start, to: start + TimeAmount(time))
            let shown = counts.all(at: start + TimeAmount(time))[0].numbers.time(of: 0.5) ?? .zero
            #expect(shown >= min(time, .seconds(134)), "\(time): \(shown)")
            #expect(shown <= max(.microseconds(2), min(time, .seconds(134)) * 1.13), "\(time): \(shown)")
        }
        #expect(OperationCounts.Numbers().time(of: 0.5) == nil)
    }
}
