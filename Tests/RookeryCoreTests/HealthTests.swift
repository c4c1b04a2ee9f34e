import Logging
import NIOConcurrencyHelpers
import NIOCore
import Rookery
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@Suite("The health of a service")
struct HealthTests {
    /// A reporter whose time a test makes pass, and whose wait for slow checks ends when the test says so.
    private func reporting<Result: Sendable>(
        _ checks: [HealthCheck], at now: NIOLockedValueBox<NIODeadline>,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { _ in try await untilCancelled() },
        _ body: @Sendable (HealthReporter) async throws -> Result
    ) async throws -> Result {
        let reporter = HealthReporter(
            service: "s", instance: "i", checks: checks, logger: quiet, now: { now.withLockedValue { $0 } },
            sleep: sleep
        ) { false }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await reporter.run() }
            let result = try await body(reporter)
            group.cancelAll()
            return result
        }
    }

    @Test("is looked at once a second, however many ask")
    func singleFlight() async throws {
        let runs = NIOLockedValueBox(0)
        let isUp = NIOLockedValueBox(true)
        let now = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(0))
        let check = HealthCheck("database") {
            runs.withLockedValue { $0 += 1 }
            if !isUp.withLockedValue({ $0 }) { throw HealthCheck.Failed("no disk") }
        }
        try await reporting([check], at: now) { reporter in
            let reports = await withTaskGroup(of: JSONValue.self) { group in
                for _ in 0..<100 { group.addTask { await reporter.report() } }
                return await group.reduce(into: Set<JSONValue>()) { $0.insert($1) }
            }
            #expect(reports.count == 1 && reports.first?["status"] == "ready")
            #expect(runs.withLockedValue { $0 } == 1)
            isUp.withLockedValue { $0 = false }
            #expect(await reporter.report()["status"] == "ready")
            now.withLockedValue { $0 = $0 + .milliseconds(1001) }
            let later = await reporter.report()
            #expect(later["status"] == "not_ready" && later["checks"] == ["database": ["status": "down"]])
            #expect(runs.withLockedValue { $0 } == 2)
        }
    }

    @Test("does not wait for a check that hangs, nor start it again")
    func hanging() async throws {
        let runs = NIOLockedValueBox(0)
        let now = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(0))
        let checks = [
            HealthCheck("hangs", isRequired: false) {
                runs.withLockedValue { $0 += 1 }
                try await untilCancelled()
            },
            HealthCheck("works") {},
        ]
        // The wait for it is over as soon as the other one has run, as far as this clock goes.
        try await reporting(checks, at: now, sleep: { _ in for _ in 0..<1000 { await Task.yield() } }) { reporter in
            for _ in 0..<3 {
                let report = await reporter.report()
                #expect(report["status"] == "degraded" && report["checks"]?["hangs"] == ["status": "down"])
                now.withLockedValue { $0 = $0 + .seconds(2) }
            }
            #expect(runs.withLockedValue { $0 } == 1)
        }
    }
}

private func untilCancelled() async throws {
    let (nothing, continuation) = AsyncStream.makeStream(of: Void.self)
    for await _ in nothing {}
    continuation.finish()
    try Task.checkCancellation()
}
