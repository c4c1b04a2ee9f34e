import NIOCore
import PetProContracts
import Rookery
import RookeryCore
import RookeryTesting
import SequenceDiagrams
import Testing
import TraceStore
import Tracing

@testable import APIGateway

@Suite("How often each way of a flow was taken")
struct FlowCountsTests {
    private static let right = FlowVerdict.follows(flow: "f", branches: ["a"])
    private static let wrong = FlowVerdict.differs(flow: "f", position: 1, expected: nil, actual: nil)

    @Test("counts requests with one outline by the verdict of one of them")
    func counting() {
        var counts = FlowCounts()
        let asked = (0..<3).map { _ in counts.count(1) }
        #expect(asked == [true, true, true] && counts.unjudged == 3)
        // One is enough, unless it tells nothing.
        counts.noteAwaited(1)
        let awaited = counts.count(1)
        counts.judge(1, nil)
        let again = counts.count(1)
        #expect(!awaited && again && counts.unjudged == 5)
        counts.judge(1, Self.right)
        let more = counts.count(1)
        #expect(!more && counts.numbers(of: "f") == FlowCounts.Numbers(ways: [["a"]: 6]))
        let other = counts.count(2)
        #expect(other && counts.unjudged == 1)
        counts.judge(2, Self.wrong)
        counts.countUnjudged()
        // The first verdict stays.
        counts.judge(1, Self.wrong)
        #expect(counts.numbers(of: "f") == FlowCounts.Numbers(ways: [["a"]: 6], strays: 1) && counts.unjudged == 1)
        #expect(counts.numbers(of: "g") == FlowCounts.Numbers())
    }

    @Test("begins anew with each day, and still knows the ways")
    func days() {
        var counts = FlowCounts()
        _ = counts.count(1)
        counts.judge(1, Self.right)
        counts.begin(day: 20_000)
        counts.begin(day: 20_000)
        counts.countUnjudged()
        #expect(counts.numbers(of: "f").ways == [["a"]: 1])
        counts.begin(day: 20_001)
        #expect(counts.numbers(of: "f") == FlowCounts.Numbers() && counts.unjudged == 0)
        let isNew = counts.count(1)
        // A clock that goes back begins no day.
        counts.begin(day: 20_000)
        #expect(!isNew && counts.numbers(of: "f").ways == [["a"]: 1])
    }

    @Test("keeps its counts when it forgets outlines")
    func bounded() {
        var counts = FlowCounts()
        for outline in 0..<UInt64(FlowCounts.mostOutlines) {
            _ = counts.count(outline)
            if outline % 2 == 0 { counts.judge(outline, Self.right) } else { counts.judge(outline, Self.wrong) }
        }
        _ = counts.count(1_000_000)
        // One that is forgotten is judged no more, and the next one is.
        counts.judge(0, Self.wrong)
        let isNew = counts.count(0)
        let half = FlowCounts.mostOutlines / 2
        #expect(isNew && counts.unjudged == 2)
        #expect(counts.numbers(of: "f") == FlowCounts.Numbers(ways: [["a"]: half], strays: half))
    }

    /// A gateway that asks services in its own process, or in others.
    private struct Gateway {
        let tracer = BoundedTracer(traces: 2048)
        let board: TraceBoard
        let calls: CallTracer

        init(collects: Bool) throws {
            board = TraceBoard(
                tracer, flows: try Console.flows(), sampling: TraceSampling(perSecond: 0, slow: .seconds(60)),
                collects: collects)
            calls = CallTracer(bounded: tracer)
        }

        /// Does a request of flow 2 with these calls.
        func request(_ names: [String], in trace: Traceparent? = nil) throws {
            let route = "/api/products/{id}/availability"
            var surroundings = ServiceContext.topLevel
            surroundings.callMetadata[MetadataName.traceparent] = trace?.description
            let (span, started) = calls.startRequest(method: "GET", path: route, &surroundings) { _, _ in }
            let identity = try #require(started)
            for name in names {
                var call = Call(
                    command: Command(name, pattern: Pattern(cmd: name)), message: MessageBody(JSONValue.null),
                    metadata: [MetadataName.traceparent: identity.description])
                let service = name == "getVendorById" ? "vendor" : "product"
                calls.startCall(&call, to: service, at: .now(), surrounds: false).end(.success)
            }
            span.end(.response(status: 200, route: route))
            board.ended(identity, isOwn: trace == nil, flow: (1, span.outline), status: 200, took: .zero)
        }

        /// Judges what is due. Returns how many requests.
        func judge() -> Int {
            let due = board.due(1000, at: .now() + .seconds(1))
            for request in due { board.judge(request, board.ownSpans(of: request.trace, request)) }
            return due.count
        }
    }

    private static let way = ["getProduct", "checkInventory", "getVendorById"]
    private static let swapped = ["checkInventory", "getProduct", "getVendorById"]

    @Test("counts all requests when the console keeps only the first of each outline")
    func all() throws {
        let gateway = try Gateway(collects: false)
        for _ in 0..<2 { try gateway.request(Self.way) }
        #expect(gateway.judge() == 1)
        for _ in 0..<98 { try gateway.request(Self.way) }
        try gateway.request(Self.swapped)
        #expect(gateway.judge() == 1)
        for _ in 0..<9 { try gateway.request(Self.swapped) }
        #expect(gateway.judge() == 0)
        let counts = gateway.board.counts
        #expect(counts.numbers(of: "product-availability") == FlowCounts.Numbers(ways: [[]: 100], strays: 10))
        #expect(counts.unjudged == 0 && gateway.board.newest(10).count == 2 && gateway.board.left == 108)
        // Only those that are kept are still in memory.
        #expect(gateway.tracer.count == 8)
    }

    @Test("waits for the outlines of other processes, and ignores their order")
    func collected() throws {
        let gateway = try Gateway(collects: true)
        let later = NIODeadline.now() + .seconds(60)
        func count(_ requests: Int, _ others: [(String, UInt64)]) throws {
            for _ in 0..<requests { try gateway.request(Self.way) }
            let due = gateway.board.takeUncounted(1000, at: later)
            #expect(due.count == requests && gateway.board.takeUncounted(1, at: later).isEmpty)
            for request in due { gateway.board.count(request, others) }
        }
        try gateway.request(Self.way)
        #expect(gateway.board.takeUncounted(1, at: .now()).isEmpty)
        #expect(gateway.board.takeUncounted(1, at: later).count == 1)
        try count(1, [("vendor", 1), ("product", 2)])
        #expect(gateway.judge() == 1)
        // In whatever order they come.
        try count(20, [("product", 2), ("vendor", 1)])
        #expect(gateway.judge() == 0)
        let name = "product-availability"
        #expect(gateway.board.counts.numbers(of: name) == FlowCounts.Numbers(ways: [[]: 21]))
        // Another process did something else.
        try count(1, [("vendor", 1), ("product", 3)])
        #expect(gateway.board.counts.unjudged == 1)
        #expect(gateway.judge() == 1)
        #expect(gateway.board.counts.numbers(of: name).ways == [[]: 22])
    }

    @Test("counts none of several requests of one trace by the outlines of other processes, which are of all of them")
    func sharedTrace() throws {
        let gateway = try Gateway(collects: true)
        let trace = Traceparent.random()
        for _ in 0..<2 { try gateway.request(Self.way, in: trace) }
        let due = gateway.board.takeUncounted(9, at: .now() + .seconds(60))
        #expect(due.count == 1 && gateway.board.counts.unjudged == 1)
        for request in due { gateway.board.count(request, [("vendor", 1)]) }
        #expect(gateway.board.counts.unjudged == 2 && gateway.judge() == 0)
    }

    @Test("gives no verdict to an outline without a service whose spans came later")
    func lateSpans() throws {
        let gateway = try Gateway(collects: true)
        let later = NIODeadline.now() + .seconds(60)
        /// Counts a request, and judges it by spans of which one is of Booking.
        func count(_ others: [(String, UInt64)]) throws {
            try gateway.request(Self.way)
            for request in gateway.board.takeUncounted(1, at: later) { gateway.board.count(request, others) }
            for request in gateway.board.due(9, at: later) {
                let own = gateway.board.ownSpans(of: request.trace, request)
                var handled = own[0].record
                (handled.kind, handled.id, handled.name) = (.handling, "00000000000000ff", "createBooking")
                gateway.board.judge(request, own + [OwnedSpan(owner: "booking", record: handled)])
            }
        }
        try count([("vendor", 1)])
        #expect(gateway.board.counts.unjudged == 1)
        try count([("vendor", 1), ("booking", 2)])
        #expect(gateway.board.counts.unjudged == 1)
        #expect(gateway.board.counts.numbers(of: "product-availability").ways == [[]: 1])
    }

    @Test(
        "is told for each arrow and branch of a diagram; ways of the other diagram count for the arrows that both have")
    func arrows() throws {
        let flow = try #require(try Console.flows().first { $0.name == "booking-creation" })
        let numbers = FlowCounts.Numbers(
            ways: [["Token Invalid"]: 2, ["Token Valid", "Vendor Available"]: 3, ["Token Missing"]: 5], strays: 1)
        let told = ConsoleJSON.flow(flow, numbers)
        func lines(_ steps: [JSONValue]) -> [String] {
            steps.flatMap { step -> [String] in
                let branches = step["alternatives"]?.arrayValue ?? []
                let count = step["count"]?.intValue ?? -1
                return (step["text"]?.stringValue.map { ["\(count) \($0)"] } ?? [])
                    + branches.flatMap { branch in
                        ["\(branch["count"]?.intValue ?? -1) [\(branch["label"]?.stringValue ?? "")]"]
                            + lines(branch["steps"]?.arrayValue ?? [])
                    }
            }
        }
        let seen = lines(told["diagram"]?["steps"]?.arrayValue ?? [])
        #expect(
            seen == [
                "10 POST /api/bookings", "5 validateToken(token)", "5 Token validation result", "2 [Token Invalid]",
                "2 401 Unauthorized", "3 [Token Valid]", "3 createBooking(bookingData)",
                "3 getVendorAvailability(vendorId, date)", "3 Availability data", "3 [Vendor Available]",
                "3 Save booking", "3 Booking created", "3 201 Created with booking details",
                "0 [Vendor Unavailable]", "3 Availability conflict", "0 409 Conflict - Vendor unavailable",
            ])
        let beyond = lines(told["beyond"]?["steps"]?.arrayValue ?? [])
        #expect(beyond.prefix(3) == ["10 POST /api/bookings", "5 [Token Missing]", "5 401 Unauthorized"])
        #expect(beyond.contains("5 validateToken(token)") && told["strays"] == 1)
    }
}
