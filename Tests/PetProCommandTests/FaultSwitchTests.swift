import NIOHTTP1
import PetProAssembly
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@Suite("Faults of demo mode", .timeLimit(.minutes(1)))
struct FaultSwitchTests {
    /// An instance with a switch, and time that a test passes.
    private struct Faulty {
        let clock = ManualClock()
        let faults: FaultSwitch
        let client: RookeryClient

        init() throws {
            let (clock, start, origin) = (clock, ContinuousClock.now, clock.now)
            faults = FaultSwitch(clock: clock) { start + origin.duration(to: clock.now) }
            client = try RookeryClient(
                inMemory: RookeryService([.raw("echo") { $0 }]).intercepted(by: faults))
        }

        func set(_ kind: SetFault.Kind, seconds: Int = 10, milliseconds: Int = 300) async throws {
            _ = try await faults.setFault(SetFault(kind: kind, seconds: seconds, milliseconds: milliseconds))
        }
    }

    @Test("delay answers, for as long as they last")
    func delay() async throws {
        let one = try Faulty()
        try await one.set(.delay)
        async let answer = one.client.send("echo", 1)
        await one.clock.sleeping()
        one.clock.advance(by: .milliseconds(300))
        #expect(try await answer == 1)
        one.clock.advance(by: .seconds(10))
        #expect(try await one.client.send("echo", 2) == 2)
    }

    @Test("hold answers back until they end: nothing is lost")
    func freeze() async throws {
        let one = try Faulty()
        try await one.set(.freeze, seconds: 4)
        async let answer = one.client.send("echo", 1)
        await one.clock.sleeping()
        one.clock.advance(by: .seconds(4))
        #expect(try await answer == 1)
    }

    @Test("drop every second message, and end by hand")
    func drop() async throws {
        let one = try Faulty()
        try await one.set(.drop)
        #expect(try await one.client.send("echo", 1) == 1)
        let second = Task { try await one.client.send("echo", 2) }
        await one.clock.sleeping()
        #expect(try await one.client.send("echo", 3) == 3)
        second.cancel()
        await #expect(throws: (any Error).self) { try await second.value }
        try await one.set(.none)
        #expect(try await one.client.send("echo", 4) == 4)
    }

    @Test("are begun in the console: a killed instance is not reached, the guards say so, and it comes back")
    func kill() async throws {
        try await RunningPlatform.running { platform in
            let http = HTTP(url: platform.http.url)
            func faults() async throws -> JSONValue { try await http.get("/console/api/faults").body }
            let instances = try await faults()["instances"]?.arrayValue ?? []
            #expect(
                Set(instances.compactMap { $0["service"]?.stringValue }) == ["auth", "booking", "vendor", "product"])
            let vendor = try need(instances.first { $0["service"] == "vendor" }?["instance"]?.stringValue)
            #expect(try await http.get("/api/vendors/1").status == 200)
            let fault: JSONValue = ["service": "vendor", "instance": .string(vendor), "kind": "kill", "seconds": 2]
            let begun = try await http.act("/console/api/faults", fault)
            #expect(begun.status == 200)
            try await eventually { try await http.get("/api/vendors/1").status == 503 }
            let during = try await faults()
            let decisions = during["history"]?.arrayValue ?? []
            #expect(decisions.contains { $0["service"] == "vendor" && $0["kind"] == "unreachable" }, "\(during)")
            try await eventually { try await http.get("/api/vendors/1").status == 200 }
            let after = try await faults()["instances"]?.arrayValue ?? []
            #expect(after.first { $0["service"] == "vendor" }?["fault"] == .null)
            for wrong: JSONValue in [
                ["service": "vendor", "instance": "127.0.0.1:1", "kind": "kill"], ["service": "nobody"],
                ["service": "vendor", "instance": .string(vendor), "kind": "kill", "seconds": 3600],
            ] {
                let answer = try await http.act("/console/api/faults", wrong)
                #expect((400..<500).contains(answer.status), "\(answer.body)")
            }
        }
    }
}

extension HTTP {
    /// Has the console of demo mode do something.
    fileprivate func act(_ path: String, _ body: JSONValue) async throws -> Answer {
        try await send(.POST, path, body, fields: [("X-CSRF-Token", "demo")])
    }
}
