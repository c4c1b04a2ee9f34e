import NIOCore
import Rookery
import RookeryTesting
import Testing

@testable import AuthService

@Suite("Hashing passwords")
struct HashingTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("is refused at once when it would not be done in half of the time that is left")
    func refusedInTime() throws {
        let admission = HashAdmission(threads: 1, expected: .milliseconds(400))
        let deadline = Self.now + .seconds(2)
        // 400 and 800 ms are less than half of 2 s; a third one would take 1200.
        try admission.enter(deadline: deadline, at: Self.now)
        try admission.enter(deadline: deadline, at: Self.now)
        let error = #expect(throws: RemoteError.self) { try admission.enter(deadline: deadline, at: Self.now) }
        #expect(error?.code == .overloaded && error?.details?["retryAfterMs"] == 1200)
        admission.leave()
        try admission.enter(deadline: deadline, at: Self.now)
        // One who can wait longer may.
        try admission.enter(deadline: Self.now + .seconds(10), at: Self.now)
    }

    @Test("never has more than 64 waiting, whatever their deadlines")
    func bounded() throws {
        let admission = HashAdmission(threads: 1, expected: .milliseconds(1))
        for _ in 0..<64 { try admission.enter(deadline: nil, at: Self.now) }
        #expect(throws: RemoteError.self) { try admission.enter(deadline: nil, at: Self.now) }
    }

    @Test("learns how long it takes")
    func learns() throws {
        let admission = HashAdmission(threads: 1, expected: .milliseconds(1))
        for _ in 0..<50 { admission.hashed(in: .seconds(2)) }
        #expect(throws: RemoteError.self) {
            try admission.enter(deadline: Self.now + .seconds(3), at: Self.now)
        }
    }

    @Test("does nothing for a caller whose time passed while others were hashed")
    func late() async throws {
        let hasher = try PasswordHasher(cost: .init(logRounds: 4), threads: 1, now: { .uptimeNanoseconds(0) })
        // Admitted by the hasher's clock, and late by the message's.
        let context = MessageContext(pattern: "p", peer: "test", deadline: .after(.seconds(-1)))
        let error = try await MessageContext.$source.withValue(context) {
            try await refusal { try await hasher.hash("x") }
        }
        #expect(error?.code == .deadlineExceeded)
    }
}
