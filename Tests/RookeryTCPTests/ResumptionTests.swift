import NIOCore
import Rookery
import RookeryCore
import RookeryPolicies
import RookeryTesting
import Synchronization
import Testing

/// One instance of a service that streams a log which all instances share: numbers, each one a cursor.
private final class LogInstance: Sendable {
    /// The cursors with which streams were opened.
    let opened = Mutex<[Int]>([])
    private let last: Int
    /// Makes values so large that no socket holds many of them.
    private static let pad = String(repeating: "x", count: 4000)

    init(last: Int) { self.last = last }

    static let follow = Command(
        "follow", pattern: Pattern(cmd: "follow"), kind: .stream, idempotency: .safe,
        resumption: .after("after", cursor: "cursor"))

    var route: Route {
        Route.stream(Self.follow) { [self] (request: JSONValue) in
            let after = request["after"]?.stringValue.flatMap { Int($0) } ?? 0
            opened.withLock { $0.append(after) }
            let next = Mutex(after + 1)
            return MessageStream<JSONValue>(unfolding: { [last] in
                let number = next.withLock { number in
                    defer { number += 1 }
                    return number
                }
                if number > last { return nil }
                return ["number": .int(Int64(number)), "cursor": .string("\(number)"), "pad": .string(Self.pad)]
            })
        }
    }
}

@Suite("A stream over TCP that may go on elsewhere", .serialized, .timeLimit(.minutes(1)))
struct StreamResumptionTests {
    private static let last = 600

    /// Runs two instances, the first of them behind a proxy, and reads the stream. `meanwhile` is called with each value.
    private func read(
        negotiates: Bool, _ change: @escaping (inout ClientConfiguration) -> Void = { _ in },
        silence: Duration = .seconds(5),
        meanwhile: @escaping @Sendable (Int, FaultProxy, FaultProxy) -> Void
    ) async throws -> (numbers: [Int], opened: [[Int]]) {
        let instances = [LogInstance(last: Self.last), LogInstance(last: Self.last)]
        return try await withServer([instances[0].route]) { first, _ in
            try await withServer([instances[1].route]) { second, _ in
                try await FaultProxy.running(to: first) { one in
                    try await FaultProxy.running(to: second) { other in
                        let destination = try destination("log", [one.port, other.port]) { configuration in
                            configuration.negotiates = negotiates
                            configuration.streamBuffer = 16
                            change(&configuration)
                        }
                        let client = RookeryClient(destination).with { $0.timeout = silence }
                        var numbers: [Int] = []
                        let stream: MessageStream<JSONValue> = try await client._stream(
                            LogInstance.follow, [:] as JSONValue)
                        for try await value in stream {
                            let number = try need(value["number"]?.intValue)
                            numbers.append(number)
                            meanwhile(number, one, other)
                        }
                        await client.close()
                        return (numbers, instances.map { $0.opened.withLock { $0 } })
                    }
                }
            }
        }
    }

    @Test(
        "misses nothing and repeats nothing when its connection is cut again and again", arguments: [true, false])
    func cut(negotiates: Bool) async throws {
        let (numbers, opened) = try await read(negotiates: negotiates) { number, one, other in
            guard number % 150 == 75 else { return }
            one.resetAll()
            other.resetAll()
        }
        #expect(numbers == Array(1...Self.last))
        let all = opened.flatMap { $0 }
        #expect(all.count >= 2 && all.contains(0), "\(all)")
        #expect(opened.allSatisfy { !$0.isEmpty }, "both instances had it: \(opened)")
    }

    @Test("goes on at the other instance when one falls silent", arguments: [true, false])
    func frozen(negotiates: Bool) async throws {
        let (numbers, opened) = try await read(negotiates: negotiates, silence: .milliseconds(200)) { number, one, _ in
            if number == 100 { one.faults = [.stall(after: 0)] }
        }
        #expect(numbers == Array(1...Self.last))
        #expect(!opened[1].isEmpty, "\(opened)")
    }

    @Test("fails once the retry budget is used up, with the error that broke it")
    func budget() async throws {
        var failure: (any Error)?
        do {
            _ = try await read(negotiates: true) { configuration in
                configuration.budget.reservePerSecond = 0.2
                configuration.budget.ratio = 0
                configuration.budget.window = .seconds(10)
            } meanwhile: { number, one, other in
                guard number % 100 == 0 else { return }
                one.resetAll()
                other.resetAll()
            }
        } catch {
            failure = error
        }
        #expect((failure as? CallError)?.code == .connectionLost, "\(String(describing: failure))")
    }
}
