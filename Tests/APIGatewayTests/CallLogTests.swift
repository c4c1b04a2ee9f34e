import NIOHTTP1
import PetProTesting
import Testing

@testable import APIGateway

@Suite("The log of calls")
struct CallLogTests {
    private static func entry(_ method: String) -> CallLog.Entry {
        CallLog.Entry(caller: "APIGateway", callee: "AuthService", method: method)
    }

    @Test("keeps the last 1000 traces, of each the first 64 calls, and none under an id that is long")
    func bounds() {
        let log = CallLog()
        for call in 0..<100 { log.add(Self.entry("m\(call)"), to: "busy") }
        #expect(log.calls(of: "busy").map(\.method) == (0..<64).map { "m\($0)" })
        let long = String(repeating: "x", count: 65)
        log.add(Self.entry("a"), to: long)
        #expect(log.calls(of: long).isEmpty)
        log.add(Self.entry("a"), to: String(long.dropFirst()))
        #expect(log.calls(of: String(long.dropFirst())).count == 1)
        for trace in 0..<1000 { log.add(Self.entry("a"), to: "t\(trace)") }
        #expect(log.calls(of: "busy").isEmpty && log.calls(of: "t0").count == 1 && log.count == 1000)
        log.add(Self.entry("a"), to: "one more")
        #expect(log.calls(of: "t0").isEmpty && log.count == 1000)
    }

    @Test("is kept only when one is given: without, a response does not tell what it caused")
    func demoOnly() async throws {
        try await TestPlatform().serving { gateway in
            let answer = try await gateway.http.get("/api/vendors")
            #expect(answer.status == 200 && !answer.headers.contains(name: "X-PetPro-Calls"))
        }
    }
}
