import CoreMetrics
import Foundation
import Logging
import MetricsTestKit
import Rookery
import RookeryCore
import RookeryTesting
import Testing

@Message private struct Order {
    @InRange(1...9) var pieces: Int
}

@Contract private protocol ShopAPI: Sendable {
    @MessagePattern(cmd: "order", errors: ["SOLD_OUT"])
    func order(_ order: Order) async throws -> Int
}

private struct Shop: ShopAPI {
    let metrics: TestMetrics

    func order(_ order: Order) async throws -> Int {
        if order.pieces == 9 { throw RemoteError("SOLD_OUT", "There are none left.") }
        let server = try metrics.expectMeter("rpc.server.active_calls", system + [("service", "shop")])
        let client = try metrics.expectMeter("rpc.client.active_calls", system + [("destination", "market")])
        return Int((server.lastValue ?? -1) * 10 + (client.lastValue ?? -1))
    }
}

private func frame(_ text: String) -> String { "\(text.utf8.count)#\(text)" }

private let system = [("rpc.system.name", "nestjs")]

extension TestMetrics {
    /// How many calls a timer has measured.
    fileprivate func calls(_ side: String, _ dimensions: [(String, String)]) -> Int {
        timers.filter { timer in
            timer.label == "rpc.\(side).call.duration"
                && timer.dimensions.sorted { $0 < $1 }.elementsEqual((system + dimensions).sorted { $0 < $1 }, by: ==)
        }.reduce(0) { $0 + $1.values.count }
    }
}

@Suite("Metrics of calls")
struct MetricsTests {
    @Test("measure handled calls at both ends, by command, outcome, destination and service")
    func measured() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            var configuration = ServerConfiguration(port: 0)
            configuration.name = "shop"
            let legacy = RookeryService([.raw("legacy") { _ in 1 }])
            let server = try RookeryServer(
                configuration, services: ShopAPIContract.service(Shop(metrics: metrics)), legacy, logger: quiet)
            try await withRookeryServer(server) { server in
                let address = try await server.listeningAddress
                try await withRookeryClient(ClientConfiguration("market", at: "\(address)"), logger: quiet) { client in
                    let shop = ShopAPIClient(client)
                    // The handler sees itself in flight at both ends.
                    let inFlight = try await shop.order(Order(pieces: 1))
                    #expect(inFlight == 11)
                    await #expect(throws: RemoteError.self) { try await shop.order(Order(pieces: 9)) }
                    await #expect(throws: RemoteError.self) { try await shop.order(Order(pieces: 0)) }
                    let reply = try await client.send("legacy", 1)
                    #expect(reply == 1)
                    await #expect(throws: CallError.self) { try await client.send("nobody", 1) }
                }
            }
        }
        let order = ("rpc.method", #"{"cmd":"order"}"#)
        for (side, own) in [("client", ("destination", "market")), ("server", ("service", "shop"))] {
            #expect(metrics.calls(side, [own, order]) == 1)
            #expect(metrics.calls(side, [own, order, ("rpc.status_code", "SOLD_OUT")]) == 1)
            #expect(metrics.calls(side, [own, order, ("rpc.status_code", "INVALID_PAYLOAD")]) == 1)
            #expect(try metrics.expectMeter("rpc.\(side).active_calls", system + [own]).lastValue == 0)
        }
        // A server's routes are registered. What a client sends without a contract could be any pattern.
        #expect(metrics.calls("server", [("service", "shop"), ("rpc.method", "legacy")]) == 1)
        let other = [("destination", "market"), ("rpc.method", "_OTHER")]
        #expect(metrics.calls("client", other) == 1)
        #expect(
            metrics.calls("client", other + [("rpc.status_code", "noHandler"), ("error.type", "noHandler")]) == 1)
        #expect(metrics.timers.allSatisfy { $0.displayUnit == .seconds })
        let refused = try metrics.expectCounter(
            "rookery_server_decisions_total", [("service", "shop"), ("decision", "no_handler")])
        #expect(refused.totalValue == 1)
    }

    @Test("count calls without a key, and with one that does not allow them")
    func refusedKeys() async throws {
        let path = NSTemporaryDirectory() + "metrics-\(UUID())"
        defer {
            for file in [path, path + ".key"] { try? FileManager.default.removeItem(atPath: file) }
        }
        var keyring = Keyring()
        let key = try ServiceKey(environment: "test")
        let record = KeyRecord(key, of: "a", scopes: [], createdAt: Instant(milliseconds: 0), notAfter: nil)
        guard keyring.add(record) else { return }
        try keyring.jsonValue.jsonText.write(toFile: path, atomically: true, encoding: .utf8)
        try key.text.write(toFile: path + ".key", atomically: true, encoding: .utf8)
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withServer([.request(Command("work", pattern: "work")) { (value: Int) in value }]) {
                $0.keys = path
            } _: { port, _ in
                for own in [nil, path + ".key"] {
                    var configuration = try ClientConfiguration("rookery", at: "127.0.0.1:\(port)")
                    configuration.key = own
                    try await withRookeryClient(configuration, logger: quiet) { client in
                        _ = await #expect(throws: RemoteError.self) { try await client.send("work", 1) }
                    }
                }
            }
        }
        for decision in ["unauthenticated", "forbidden"] {
            let counter = try metrics.expectCounter(
                "rookery_server_decisions_total", [("service", "rookery"), ("decision", decision)])
            #expect(counter.totalValue == 1, "\(decision)")
        }
    }

    @Test("count a call that is too late for its deadline, and metadata over the limit")
    func refusals() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withServer([.request(Command("work", pattern: "work")) { (value: Int) in value }]) { port, _ in
                try await RawSocket.connected(to: port) { socket in
                    try await socket.write(
                        frame(#"{"pattern":"work","data":1,"id":"a","metadata":{"rookery-timeout-ms":"0"}}"#))
                    let long = String(repeating: "x", count: 20_000)
                    try await socket.write(
                        frame(#"{"pattern":"work","data":1,"id":"b","metadata":{"x":"\#(long)"}}"#))
                    socket.finish()
                    let answers = String(decoding: await socket.readToEnd(), as: UTF8.self)
                    #expect(answers.contains("DEADLINE_EXCEEDED") && answers.contains("INVALID_PAYLOAD"))
                }
            }
        }
        for decision in ["late", "metadata_too_large"] {
            let counter = try metrics.expectCounter(
                "rookery_server_decisions_total", [("service", "rookery"), ("decision", decision)])
            #expect(counter.totalValue == 1)
        }
    }
}
