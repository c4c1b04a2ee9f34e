import Configuration
import Logging
import NIOCore
import RookeryCore
import RookeryCalls
import RookeryWire
import Synchronization
import RookeryTesting
import Testing
import RookeryPolicies

/// An instance that answers what it is told to.
private final class FakeInstance: InstanceTransport {
    typealias Answer = @Sendable (Call, Int) async throws -> Payload
    let calls = Mutex<[Call]>([])
    let isDrained = Mutex(false)
    private let answer: Answer

    init(_ answer: @escaping Answer) { self.answer = answer }

    func request(_ call: Call) async throws -> Payload {
        let count = calls.withLock { calls in
            calls.append(call)
            return calls.count
        }
        return try await answer(call, count)
    }
    func emit(_ call: Call) async throws { _ = try await request(call) }
    func stream(_ call: Call) async throws -> MessageStream<Payload> {
        MessageStream([try await request(call)])
    }
    func close() async {}
    func drain() async { isDrained.withLock { $0 = true } }
    func ping(timeout: Duration) async throws {}
    var count: Int { calls.withLock { $0.count } }
}

/// Time that passes only when somebody sleeps.
private final class ManualTime: Sendable {
    private let state = Mutex<(now: Int64, slept: [Duration])>((1_000_000_000, []))

    var environment: CallEnvironment {
        CallEnvironment(
            now: { .uptimeNanoseconds(UInt64(self.state.withLock { $0.now })) },
            sleep: { duration in
                try Task.checkCancellation()
                self.pass(duration)
                self.state.withLock { $0.slept.append(duration) }
            }, random: { 0.5 })
    }
    func pass(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        state.withLock { $0.now += seconds * 1_000_000_000 + attoseconds / 1_000_000_000 }
    }
    var slept: [Duration] { state.withLock { $0.slept } }
    var now: NIODeadline { environment.now() }
}

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
private let read = Command("read", pattern: Pattern(cmd: "read"), idempotency: .safe)
private let write = Command("write", pattern: Pattern(cmd: "write"), idempotency: .keyed)
private let change = Command("change", pattern: Pattern(cmd: "change"))

@Suite("A destination")
struct DestinationTests {
    private func destination(
        _ time: ManualTime, _ instances: [FakeInstance], _ change: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> Destination {
        let names = instances.indices.map { Instance(host: "i", port: $0) }
        var configuration = ClientConfiguration("booking", instances: .list(names))
        change(&configuration)
        return try Destination(configuration, environment: time.environment, logger: quiet) { instances[$0.port] }
    }

    private func outgoing(_ command: Command, _ time: ManualTime, metadata: [String: String] = [:]) -> Call {
        Call(
            command: command, message: MessageBody(JSONValue.null), metadata: metadata,
            deadline: Deadline(time.now + .seconds(5)))
    }

    private static func ok(_: Call, _: Int) async throws -> Payload { .absent }
    private static func lost(_: Call, _: Int) async throws -> Payload {
        throw CallError(.connectionLost, "lost", wasWritten: true)
    }
    private static func refused(_: Call, _: Int) async throws -> Payload {
        throw CallError(.cannotConnect, "refused")
    }

    /// Waits until the task is cancelled, then throws.
    private static func untilCancelled() async throws {
        let (nothing, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in nothing {}
        continuation.finish()
        try Task.checkCancellation()
    }

    @Test("tries a safe command again at another instance, and says which attempt it is")
    func retries() async throws {
        let time = ManualTime()
        let bad = FakeInstance(Self.lost)
        let good = FakeInstance(Self.ok)
        let booking = try destination(time, [good, bad])
        let trace = CallTrace(at: time.now)
        try await CallTrace.$current.withValue(trace) {
            _ = try await booking.request(outgoing(read, time))
        }
        #expect(bad.count == 1 && good.count == 1 && time.slept == [.milliseconds(50)])
        #expect(good.calls.withLock { $0.compactMap { $0.metadata[MetadataName.attempt] } } == ["2"])
        // The whole story of why it took 50 ms.
        #expect(
            trace.entries.map { "\($0)" } == [
                "+0 ms booking.read: picked i:1 for attempt 1", "+0 ms booking.read: retried after 50 ms: lost",
                "+50 ms booking.read: picked i:0 for attempt 2",
            ])
        #expect(booking.gauges == (0, 0, 0))
    }

    @Test("never repeats what may have run and must not run twice")
    func unsafe() async throws {
        let time = ManualTime()
        let bad = FakeInstance(Self.lost)
        let booking = try destination(time, [bad])
        let trace = CallTrace()
        await CallTrace.$current.withValue(trace) {
            _ = await #expect(throws: CallError.self) { try await booking.request(outgoing(change, time)) }
        }
        #expect(bad.count == 1)
        #expect(trace.entries.last?.decision == .notRetried(.mayHaveRun))
    }

    @Test("goes to another instance at once when one cannot be reached, and leaves that one alone")
    func unreachable() async throws {
        let time = ManualTime()
        let gone = FakeInstance(Self.refused)
        let good = FakeInstance(Self.ok)
        let booking = try destination(time, [gone, good])
        for _ in 0..<10 { _ = try await booking.request(outgoing(change, time)) }
        #expect(gone.count == 1 && good.count == 10 && time.slept.isEmpty)
        #expect(booking.status.instances.map(\.isReachable) == [false, true])
    }

    @Test("keeps to the deadline of the whole call, whatever its attempts take")
    func deadline() async throws {
        let time = ManualTime()
        let slow = FakeInstance { call, _ in
            time.pass(.nanoseconds((call.deadlineInstant - time.now).nanoseconds))
            throw CallError(.timeout, "late", wasWritten: true)
        }
        let booking = try destination(time, [slow, slow, slow])
        let call = outgoing(write, time)
        let error = await #expect(throws: CallError.self) { try await booking.request(call) }
        #expect(error?.code == .timeout && slow.count == 3)
        #expect(time.now <= call.deadlineInstant)
        // The last attempt gets all that is left.
        #expect(slow.calls.withLock { $0.last?.deadline } == call.deadline)
    }

    @Test("fails at once when its breaker is open, with when to come back, and asks nobody")
    func breaker() async throws {
        let time = ManualTime()
        let bad = FakeInstance(Self.lost)
        let booking = try destination(time, [bad])
        for _ in 0..<30 { _ = try? await booking.request(outgoing(change, time)) }
        let asked = bad.count
        let error = await #expect(throws: CallError.self) { try await booking.request(outgoing(change, time)) }
        #expect(error?.code == .breakerOpen && error?.retryAfter == .seconds(5) && bad.count == asked)
        #expect(!booking.status.isAvailable)
        time.pass(.seconds(6))
        #expect(booking.status.isAvailable)
        booking.reset()
        #expect(booking.status.groups[0].breaker == .closed)
        booking.isolate()
        _ = await #expect(throws: CallError.self) { try await booking.request(outgoing(change, time)) }
        #expect(booking.gauges == (0, 0, 0))
    }

    @Test("does not blame a service for its business errors, nor for a dependency of its own")
    func business() async throws {
        let time = ManualTime()
        let refuses = FakeInstance { _, count in
            throw RemoteError(count % 2 == 0 ? "VENDOR_UNAVAILABLE" : .dependencyUnavailable, "")
        }
        let booking = try destination(time, [refuses])
        for _ in 0..<100 { _ = try? await booking.request(outgoing(change, time)) }
        #expect(refuses.count == 100 && booking.status.groups[0].breaker == .closed)
    }

    @Test("tells its own caller not to try again when it was refused for overload itself")
    func oneLayer() async throws {
        let time = ManualTime()
        let busy = FakeInstance { _, _ in throw RemoteError(.overloaded, "busy", details: ["retryAfterMs": 10]) }
        let booking = try destination(time, [busy])
        let context = MessageContext(pattern: "outer", peer: "p")
        let error = await #expect(throws: RemoteError.self) {
            try await MessageContext.with(context, context.metadata) { try await booking.request(outgoing(read, time)) }
        }
        #expect(error?.retryAfter == .milliseconds(-1) && busy.count == 3)
        #expect(time.slept == [.milliseconds(10), .milliseconds(10)])
    }

    @Test("does not forget that an earlier attempt may have run, whatever became of the last one")
    func ambiguousError() async throws {
        let time = ManualTime()
        let dies = FakeInstance { _, count in
            if count == 1 { throw CallError(.connectionLost, "died", wasWritten: true) }
            throw CallError(.cannotConnect, "gone")
        }
        let booking = try destination(time, [dies])
        let unknown = await #expect(throws: CallError.self) { try await booking.request(outgoing(write, time)) }
        #expect(unknown?.wasWritten == true && unknown?.code == .connectionLost && dies.count == 2)
        // A refusal of the command's own, in the end, is an answer.
        let refuses = FakeInstance { _, count in
            if count == 1 { throw CallError(.timeout, "late", wasWritten: true) }
            throw RemoteError("PET_BUSY", "busy")
        }
        let other = try destination(time, [refuses])
        let answer = await #expect(throws: RemoteError.self) { try await other.request(outgoing(write, time)) }
        #expect(answer?.code == "PET_BUSY")
    }

    @Test("spends no more on retries than its budget")
    func budget() async throws {
        let time = ManualTime()
        let bad = FakeInstance(Self.lost)
        let booking = try destination(time, [bad]) {
            $0.breaker.mode = .off
            $0.retry.baseDelay = .zero
        }
        for _ in 0..<1000 { _ = try? await booking.request(outgoing(read, time)) }
        // A fifth, and the reserve of ten seconds.
        #expect((1200...1301).contains(bad.count), "\(bad.count)")
    }

    @Test("gives every place back when a caller leaves")
    func cancelled() async throws {
        let time = ManualTime()
        let never = FakeInstance { _, _ in
            try await Self.untilCancelled()
            return .absent
        }
        let booking = try destination(time, [never])
        let call = outgoing(read, time)
        let tasks = (0..<64).map { _ in Task { try await booking.request(call) } }
        try await eventually { booking.gauges.calls >= 64 }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
        #expect(booking.gauges == (0, 0, 0) && booking.status.groups[0].breaker == .closed)
    }

    @Test("makes transports outside its lock, so that what makes them may look at the destination")
    func connects() async throws {
        let time = ManualTime()
        let itself = Mutex<Destination?>(nil)
        let good = FakeInstance { _, _ in .absent }
        let destination = try Destination(
            ClientConfiguration(host: "a", port: 1), environment: time.environment, logger: quiet
        ) { _ in
            _ = itself.withLock { $0 }?.status
            return good
        }
        itself.withLock { $0 = destination }
        _ = try await destination.request(outgoing(read, time))
        #expect(good.count == 1)
        itself.withLock { $0 = nil }
    }

    @Test("does not repeat a keyed command that was sent without its key, and does repeat a read")
    func withoutKey() async throws {
        for (command, attempts) in [(write, 1), (read, 3)] {
            let time = ManualTime()
            let plain = FakeInstance { _, _ in
                throw CallError(.connectionLost, "lost", wasWritten: true, isWithoutKey: true)
            }
            let booking = try destination(time, [plain])
            _ = try? await booking.request(outgoing(command, time))
            #expect(plain.count == attempts, "\(command.name)")
        }
    }

    @Test("refuses more calls than may be under way")
    func limit() async throws {
        let time = ManualTime()
        let never = FakeInstance { _, _ in
            try await Self.untilCancelled()
            return .absent
        }
        let booking = try destination(time, [never]) { $0.concurrency.maximumCalls = 2 }
        let call = outgoing(read, time)
        let tasks = (0..<2).map { _ in Task { try await booking.request(call) } }
        try await eventually { booking.gauges.calls >= 2 }
        let error = await #expect(throws: CallError.self) { try await booking.request(call) }
        #expect(error?.code == .tooManyCalls)
        for task in tasks { task.cancel() }
    }

    @Test("follows its instances, and drains those that leave")
    func follows() async throws {
        struct Scripted: Discovery {
            let initial = [Instance(host: "i", port: 0)]
            let lists: AsyncStream<[Instance]>
            func watch(_ changed: ([Instance]) async -> Void) async throws {
                for await list in lists { await changed(list) }
            }
        }
        let (lists, continuation) = AsyncStream.makeStream(of: [Instance].self)
        let instances = [FakeInstance(Self.ok), FakeInstance(Self.ok)]
        let time = ManualTime()
        let booking = try Destination(
            ClientConfiguration("booking", instances: .list([])), discovery: Scripted(lists: lists),
            environment: time.environment, logger: quiet
        ) { instances[$0.port] }
        _ = try await booking.request(outgoing(read, time))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await booking.run() }
            continuation.yield([Instance(host: "i", port: 1)])
            try await eventually { booking.status.instances.first?.instance.port == 1 }
            continuation.finish()
            try await group.waitForAll()
        }
        _ = try await booking.request(outgoing(read, time))
        #expect(instances[0].count == 1 && instances[1].count == 1)
        #expect(instances[0].isDrained.withLock { $0 })
    }
}

@Suite("A destination's configuration")
struct ClientConfigurationTests {
    private func reader(_ values: [String: String]) -> ConfigReader {
        ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: values))
    }

    @Test("is read from the environment: what is said of one destination goes before what is said of all")
    func reads() async throws {
        var settings = ClientConfiguration("booking", instances: .list([]))
        let commands = [Command("create", pattern: Pattern(cmd: "create-booking"))]
        try await settings.read(
            reader([
                "ROOKERY_CLIENT_RETRY_MAXIMUM_ATTEMPTS": "5", "ROOKERY_CLIENT_TIMEOUT": "2s",
                "ROOKERY_DESTINATIONS_BOOKING_TIMEOUT": "750ms", "ROOKERY_DESTINATIONS_BOOKING_BREAKER_MODE": "observe",
                "ROOKERY_DESTINATIONS_BOOKING_BALANCING": "peak-ewma",
                "ROOKERY_DESTINATIONS_BOOKING_COMMANDS_CREATE_BOOKING_TIMEOUT": "9s",
            ]), contracts: ContractDescriptor(_name: "BookingAPI", documentation: nil, commands: commands))
        #expect(settings.retry.maximumAttempts == 5 && settings.timeout == .milliseconds(750))
        #expect(settings.breaker.mode == .observe && settings.balancing == .peakEWMA)
        #expect(settings.commands.mapValues(\.timeout) == ["create-booking": .seconds(9)])
    }

    @Test(
        "names the key of what is wrong",
        arguments: [
            (
                "ROOKERY_CLIENT_RETRY_MODE", "sometimes",
                "rookery.client.retry.mode must be one of off, observe, enforce"
            ),
            ("ROOKERY_CLIENT_TIMEOUT", "soon", "rookery.client.timeout must be a duration such as 250ms, 5s or 2m"),
            ("ROOKERY_CLIENT_BREAKER_PROBES", "many", "rookery.client.breaker.probes must be a whole number"),
            ("ROOKERY_CLIENT_BREAKER_PROBES", "0", "rookery.destinations.booking.breaker.probes must be at least 1"),
            ("ROOKERY_CLIENT_BREAKER_FAILURE_RATE", "1.5", "breaker.failureRate must be above 0 and at most 1"),
        ])
    func wrong(_ key: String, _ value: String, _ message: String) async throws {
        do {
            var settings = ClientConfiguration("booking", instances: .list([]))
            try await settings.read(reader([key: value]))
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains(message), "\(error)")
        }
    }
}
