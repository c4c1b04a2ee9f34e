import Logging
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

private let now = Instant(milliseconds: 1_800_000_000_000)

@Suite("An idempotency key")
struct IdempotencyTests {
    @Test("brings the same reply back for a day, for the same request only")
    func replay() async throws {
        let database = try Database.temporary([])
        let key = IdempotencyKey(scope: "user:1", key: "k", body: "{\"a\":1}", subject: 7)
        #expect(try await database.read { try key.reply(in: $0, at: now) as Int? } == nil)
        try await database.write { try key.keep(42, in: $0, at: now) }
        #expect(try await database.read { try key.reply(in: $0, at: now) as Int? } == 42)

        let other = IdempotencyKey(scope: "user:1", key: "k", body: "{\"a\":2}", subject: 7)
        let error = await #expect(throws: RemoteError.self) {
            try await database.read { try other.reply(in: $0, at: now) as Int? }
        }
        #expect(error?.code == .keyReused)
        let elsewhere = IdempotencyKey(scope: "user:2", key: "k", body: "{\"a\":2}", subject: 7)
        #expect(try await database.read { try elsewhere.reply(in: $0, at: now) as Int? } == nil)
        let tomorrow = now + .seconds(24 * 3600)
        #expect(try await database.read { try key.reply(in: $0, at: tomorrow) as Int? } == nil)
    }
}

@Suite("A signal")
struct SignalTests {
    @Test("sent before the wait is not missed, and cancellation ends the wait")
    func signals() async {
        let signal = Signal()
        signal.send()
        signal.send()
        await signal.wait()
        let task = Task { await signal.wait() }
        task.cancel()
        await task.value
    }
}
