import Foundation
import NIOCore
import Rookery
import RookeryCore
import RookeryPolicies
import RookeryTesting
import Testing

@Suite("A client stream over TCP", .serialized, .timeLimit(.minutes(1)))
struct ClientStreamTests {
    private func withMeters<Result: Sendable>(
        _ meters: Meters = Meters(), timeout: Duration = .seconds(5), interceptors: [any Interceptor] = [],
        server: (inout ServerConfiguration) -> Void = { _ in },
        client change: (inout ClientConfiguration) -> Void = { _ in },
        _ body: (MetersAPIClient, Int) async throws -> Result
    ) async throws -> Result {
        try await withServer(MetersAPIContract.service(meters).routes, server, interceptors: interceptors) { port, _ in
            let client = client(port, timeout: timeout, change)
            let result = try await body(MetersAPIClient(client), port)
            await client.close()
            return result
        }
    }

    @Test(
        "comes whole and in order, whatever carries it", arguments: ["json", "messagepack", "deflate", "interceptor"])
    func whole(how: String) async throws {
        let count = 5000
        let change: (inout ClientConfiguration) -> Void = {
            $0.compresses = how == "deflate"
            if how == "messagepack" { $0.serializers = SerializerChoice(preferred: "messagepack") }
        }
        try await withMeters(interceptors: how == "interceptor" ? [PassingOn()] : [], client: change) { meters, _ in
            let pad = how == "deflate" ? String(repeating: "x", count: 9000) : ""
            let values = MessageStream((1...count).map { Reading(count: $0, text: pad) })
            let sum = try await meters.importReadings(Meter(id: 7), values)
            #expect(sum == Sum(meter: 7, values: count, sum: count * (count + 1) / 2))
            try await meters.discard(readings(1...100))
        }
    }

    @Test("may be answered value by value, while it lasts")
    func bothWays() async throws {
        try await withMeters { meters, _ in
            let (values, continuation) = AsyncStream.makeStream(of: Reading.self)
            continuation.yield(Reading(count: 1))
            var sums: [Int] = []
            // Each value depends on the answer before it.
            for try await sum in try await meters.sums(Meter(id: 1), MessageStream(values)) {
                sums.append(sum.sum)
                if sums.count == 200 { continuation.finish() } else { continuation.yield(Reading(count: sum.sum % 7)) }
            }
            #expect(sums.count == 200 && sums.prefix(3) == [1, 2, 4])
        }
    }

    @Test("waits for its handler, and holds up no other call")
    func credit() async throws {
        let gate = Gate()
        try await withMeters(Meters(gate: gate)) { meters, _ in
            let asked = Shared(0)
            let values = MessageStream<Reading>(unfolding: {
                asked.change { $0 += 1 }
                return asked.value <= 500 ? Reading(count: 1) : nil
            })
            async let sum = meters.importReadings(Meter(id: 1), values)
            await gate.arrived(1)
            try await eventually { asked.value >= 33 }
            for id in 1...100 { #expect(try await meters.same(Meter(id: id)).id == id) }
            // 32 values were sent, and the next one waits for credit.
            #expect(asked.value == 33)
            await gate.open()
            let result = try await sum
            #expect(result.values == 500)
        }
    }

    @Test("ends when its handler has had enough")
    func enough() async throws {
        var meters = Meters()
        meters.limit = 3
        try await withMeters(meters) { meters, _ in
            let left = Gate()
            let (values, continuation) = AsyncStream.makeStream(of: Reading.self)
            continuation.onTermination = { _ in Task { await left.pass() } }
            for count in 1...3 { continuation.yield(Reading(count: count)) }
            let sum = try await meters.importReadings(Meter(id: 1), MessageStream(values))
            #expect(sum.values == 3)
            await left.arrived(1)
            // Values behind the answer concern no call.
            let endless = MessageStream<Reading>(unfolding: { Reading(count: 1) })
            for _ in 1...20 { #expect(try await meters.importReadings(Meter(id: 1), endless).values == 3) }
        }
    }

    @Test("ends its call when it throws, with that error, and its handler")
    func torn() async throws {
        let service = Meters()
        try await withMeters(service) { meters, _ in
            let sent = Shared(0)
            let values = MessageStream<Reading>(unfolding: {
                sent.change { $0 += 1 }
                if sent.value > 5 { throw Torn() }
                return Reading(count: 1)
            })
            await #expect(throws: Torn()) { try await meters.importReadings(Meter(id: 1), values) }
            try await eventually { service.ends.value == ["CancellationError()"] }
            sent.change { $0 = 0 }
            await #expect(throws: Torn()) {
                for try await _ in try await meters.sums(Meter(id: 1), values) {}
            }
            #expect(try await meters.same(Meter(id: 2)).id == 2)
        }
    }

    @Test("ends with its call when the caller leaves")
    func cancelled() async throws {
        let service = Meters()
        try await withMeters(service) { meters, _ in
            let (values, continuation) = AsyncStream.makeStream(of: Reading.self)
            continuation.yield(Reading(count: 1))
            let call = Task { try await meters.importReadings(Meter(id: 1), MessageStream(values)) }
            try await eventually { service.received.value == 1 }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            try await eventually { service.ends.value == ["CancellationError()"] }

            let left = Gate()
            let (more, source) = AsyncStream.makeStream(of: Reading.self)
            source.onTermination = { _ in Task { await left.pass() } }
            source.yield(Reading(count: 1))
            for try await _ in try await meters.sums(Meter(id: 1), MessageStream(more)) { break }
            await left.arrived(1)
        }
    }

    @Test("is refused at the value that does not fit, by its position")
    func invalid() async throws {
        try await withMeters { meters, _ in
            do {
                _ = try await meters.importReadings(Meter(id: 1), readings([1, 2, -3, 4]))
                Issue.record("was taken")
            } catch let error as RemoteError {
                #expect(error.code == .invalidPayload)
                #expect(error.details?.arrayValue?.map { $0["path"] } == ["values[2].count"], "\(error)")
            }
        }
    }

    @Test("is an error at a plain server, which says so before it is read", arguments: [false, true])
    func plain(bothWays: Bool) async throws {
        try await withMeters(client: { $0.negotiates = false }) { meters, port in
            let asked = Shared(false)
            let values = MessageStream<Reading>(unfolding: {
                asked.change { $0 = true }
                return nil
            })
            let error = await #expect(throws: CallError.self) {
                if bothWays {
                    for try await _ in try await meters.sums(Meter(id: 1), values) {}
                } else {
                    _ = try await meters.importReadings(Meter(id: 1), values)
                }
            }
            #expect(error?.code == .invalidCall && error?.wasWritten == false, "\(String(describing: error))")
            #expect(error?.message.contains("a client stream, and 127.0.0.1:\(port) takes none") == true)
            #expect(!asked.value)
        }
    }

    @Test("is refused for a command that takes none, and missed by one that needs it, also in text")
    func unwanted() async throws {
        try await withMeters { _, port in
            for (client, isPlain) in [(client(port), false), (plainClient(port), true)] {
                let error = await #expect(throws: RemoteError.self) {
                    _ = try await client.send(Pattern(cmd: "import"), ["id": 1])
                }
                #expect(error?.code == .invalidPayload && "\(error as Any)".contains("client stream"))
                if isPlain { continue }
                let unwanted = await #expect(throws: RemoteError.self) {
                    _ = try await client.send(Pattern(cmd: "same"), ["id": 1], clientStream: MessageStream([1, 2]))
                }
                #expect(unwanted?.code == .invalidPayload && "\(unwanted as Any)".contains("takes no client stream"))
                await client.close()
            }
        }
    }

    @Test("is not kept once its call is over, on either side")
    func released() async throws {
        final class Source: Sendable {
            let counts = Array(1...100)
        }
        nonisolated(unsafe) weak var kept: Source?
        try await withMeters { meters, _ in
            do {
                let source = Source()
                kept = source
                let next = Shared(0)
                let values = MessageStream<Reading>(unfolding: { [source] in
                    next.change { $0 += 1 }
                    return next.value <= source.counts.count ? Reading(count: source.counts[next.value - 1]) : nil
                })
                #expect(try await meters.importReadings(Meter(id: 1), values).sum == 5050)
            }
            try await eventually { kept == nil }
        }
    }

    @Test("is tried at another instance while nothing of it was sent, and answered by the one that takes it")
    func mixed() async throws {
        // An instance of an earlier version, and one that takes client streams.
        try await withServer(MetersAPIContract.service(Meters()).routes, { $0.negotiates = false }) { old, _ in
            try await withServer(MetersAPIContract.service(Meters()).routes) { new, _ in
                let client = RookeryClient(try destination("meters", [old, new]) { _ in })
                for _ in 0..<6 {
                    #expect(
                        try await MetersAPIClient(client).importReadings(Meter(id: 1), readings(1...50)).values == 50)
                }
                await client.close()
            }
        }
    }

    @Test("to a server without its command is a command without a handler")
    func noHandler() async throws {
        try await withServer([.raw("other") { $0 }]) { port, _ in
            let meters = MetersAPIClient(client(port))
            await #expect {
                try await meters.importReadings(Meter(id: 1), readings(1...3))
            } throws: {
                ($0 as? CallError)?.code == .noHandler
            }
            await #expect {
                for try await _ in try await meters.sums(Meter(id: 1), readings(1...3)) {}
            } throws: {
                ($0 as? CallError)?.code == .noHandler
            }
        }
    }

    @Test("that has ended is answered though the server stops")
    func stopping() async throws {
        let gate = Gate()
        let routes = MetersAPIContract.service(Meters(gate: gate)).routes
        let server = try RookeryServer(ServerConfiguration(port: 0), routes: routes, logger: quiet)
        let run = Task { try await server.run() }
        let port = try need(try await server.boundAddress.port)
        let meters = MetersAPIClient(client(port))
        async let call = meters.importReadings(Meter(id: 1), readings(1...10))
        await gate.arrived(1)
        run.cancel()
        // A stopping server takes no new connections.
        try await eventually { (try? await transport(port).ping(timeout: .milliseconds(20))) == nil }
        await gate.open()
        let sum = try await call
        try await run.value
        #expect(sum.values == 10)
    }

    @Test("is not sent a second time: an instance that dies takes its call along, one that is not there does not")
    func once() async throws {
        let services = [Meters(), Meters()]
        try await withServer(MetersAPIContract.service(services[0]).routes) { first, _ in
            try await FaultProxy.running(to: first) { proxy in
                let destination = try destination("meters", [proxy.port]) { _ in }
                let client = RookeryClient(destination)
                let (values, continuation) = AsyncStream.makeStream(of: Reading.self)
                continuation.yield(Reading(count: 1))
                async let sum = MetersAPIClient(client).importReadings(Meter(id: 1), MessageStream(values))
                try await eventually { services[0].received.value == 1 }
                proxy.resetAll()
                do {
                    _ = try await sum
                    Issue.record("was answered")
                } catch let error as CallError {
                    #expect(error.code == .connectionLost && error.wasWritten)
                }
                await client.close()
                try await eventually { services[0].ends.value == ["CancellationError()"] }

                let nobody = try await FreePorts.first(of: 1)
                for _ in 0..<8 {
                    let client = RookeryClient(try RookeryTCPTests.destination("meters", [nobody, first]) { _ in })
                    let sum = try await MetersAPIClient(client).importReadings(Meter(id: 1), readings(1...50))
                    #expect(sum.values == 50)
                    await client.close()
                }
            }
        }
    }

    @Test("may pause for longer than the timeout; a handler that takes nothing for that long may not")
    func silence() async throws {
        let gate = Gate()
        try await withMeters(Meters(gate: gate), timeout: .milliseconds(60)) { meters, _ in
            let (values, continuation) = AsyncStream.makeStream(of: Reading.self)
            async let patient = meters.importReadings(Meter(id: 1), MessageStream(values))
            await gate.arrived(1)
            // More than 32, so that the client waits for the handler.
            await #expect {
                try await meters.importReadings(Meter(id: 2), readings(1...100))
            } throws: {
                ($0 as? CallError)?.code == .timeout
            }
            // All sent, so that the client waits for the reply.
            await #expect {
                try await meters.importReadings(Meter(id: 3), readings(1...3))
            } throws: {
                ($0 as? CallError)?.code == .timeout
            }
            // The first call has been silent for longer than both.
            await gate.open()
            continuation.yield(Reading(count: 5))
            continuation.finish()
            let sum = try await patient
            #expect(sum.sum == 5)
        }
    }

    @Test("costs no more memory than a connection may have: its handler is told")
    func memory() async throws {
        let gate = Gate()
        let service = Meters(gate: gate)
        try await withMeters(
            service,
            server: { (configuration: inout ServerConfiguration) in
                configuration.limits.frame = 100_000
                configuration.limits.connectionMemory = 200_000
            }
        ) { meters, _ in
            let asked = Shared(0)
            let values = MessageStream<Reading>(unfolding: {
                asked.change { $0 += 1 }
                return asked.value > 20 ? nil : Reading(count: 1, text: String(repeating: "x", count: 50_000))
            })
            async let sum = meters.importReadings(Meter(id: 1), values)
            await gate.arrived(1)
            try await eventually { asked.value == 21 }
            // Behind the values on the same connection, so they have arrived.
            #expect(try await meters.same(Meter(id: 2)).id == 2)
            await gate.open()
            do {
                _ = try await sum
                Issue.record("was taken")
            } catch let error as RemoteError {
                #expect(error.code == .overloaded, "\(error)")
            }
            #expect(service.received.value < 5)
            // What was dropped is not held against the connection.
            #expect(try await meters.importReadings(Meter(id: 3), readings(1...500)).values == 500)
        }
    }
}

/// Replaces the message, but cannot touch what comes behind it.
private struct PassingOn: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        var call = call
        if call.command == MetersAPIContract.importReadings {
            call.message = MessageBody(try call.message.decode(Meter.self))
        }
        return try await next(call)
    }
}
