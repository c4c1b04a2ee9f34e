import PetProContracts
import PetProTesting
import Rookery
import Testing

@testable import APIGateway

@Suite("The registration of a vendor", .timeLimit(.minutes(2)))
struct SagaTests {
    private typealias Saga = RegistrationSaga

    @Test("takes back only after a first refusal, goes on asking once when nobody knows, and ends in every case")
    func transitions() {
        func after(_ results: Saga.Result...) -> Saga.Step {
            var saga = Saga()
            return results.reduce(saga.first) { _, result in saga.next(after: result) }
        }
        let user = Saga.Result.user(id: 7)
        #expect(after() == .createUser && after(user) == .createVendor(userId: 7))
        #expect(after(.failure(.unknown)) == .finish(.unknown))
        for failure in [Saga.Failure.refused, .notDone, .accountGone] {
            #expect(after(.failure(failure)) == .finish(.failed))
        }
        #expect(after(user, .vendor) == .finish(.registered))
        #expect(after(user, .failure(.refused)) == .deleteUser(userId: 7))
        #expect(after(user, .failure(.refused), .deleted) == .finish(.failed))
        #expect(after(user, .failure(.refused), .failure(.unknown)) == .finish(.failed))
        #expect(after(user, .failure(.notDone)) == .finish(.failed))
        #expect(after(user, .failure(.accountGone)) == .finish(.expired))
        #expect(after(user, .failure(.unknown)) == .createVendor(userId: 7))
        #expect(after(user, .failure(.unknown), .vendor) == .finish(.registered))
        #expect(after(user, .failure(.unknown), .failure(.refused)) == .finish(.failed))
        #expect(after(user, .failure(.unknown), .failure(.accountGone)) == .finish(.expired))
        for failure in [Saga.Failure.notDone, .unknown] {
            #expect(after(user, .failure(.unknown), .failure(failure)) == .finish(.unknown))
        }
    }

    @Test("takes nothing but a definite refusal for one")
    func failures() {
        struct Bug: Error {}
        let table: [(any Error, Saga.Failure)] = [
            (RemoteError(.invalidPayload, "x"), .refused), (RemoteError(.userNotFound, "x"), .accountGone),
            (RemoteError(.overloaded, "x"), .notDone), (RemoteError(.dependencyUnavailable, "x"), .notDone),
            (RemoteError(.vendorExists, "x"), .notDone), (RemoteError(.shuttingDown, "x"), .unknown),
            (RemoteError(.deadlineExceeded, "x"), .unknown), (RemoteError(message: "x"), .unknown),
            (CallError(.cannotConnect, "x"), .notDone), (CallError(.breakerOpen, "x"), .notDone),
            (CallError(.timeout, "x", wasWritten: true), .unknown),
            (CallError(.connectionLost, "x", wasWritten: true), .unknown), (Bug(), .unknown),
        ]
        for (error, failure) in table { #expect(Saga.Failure(error) == failure, "\(error)") }
    }

    @Test("leaves no active vendor without its account, and no account without its vendor, in every interleaving")
    func interleavings() {
        func attempt(_ name: String, _ key: String?, _ business: String, refused: Bool = false)
            -> RegistrationModel.Attempt
        {
            .init(name: name, key: key, businessName: business, isRefused: refused)
        }
        for key in [nil, "k"] {
            for other in [
                attempt("b", key, "One"), attempt("b", key, "Other"), attempt("b", key, "Bad", refused: true),
            ] {
                let start = RegistrationModel([attempt("a", key, "One"), other])
                var seen: Set = [start]
                var open = [start]
                var registered = 0
                while let world = open.popLast() {
                    if let wrong = world.settled.wrong {
                        Issue.record("\(wrong): \(world)")
                        return
                    }
                    registered += world.promised.count
                    for next in world.next where seen.insert(next).inserted { open.append(next) }
                }
                #expect(registered > 0 && seen.count > 1000, "\(seen.count) worlds were looked at")
            }
        }
    }

    @Test("ends with what was answered last, and with what was refused when an account cannot be taken back")
    func carriedOut() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let first = try await gateway.http.post("/api/vendors", HTTP.registration("s@petpro.example"), key: "k")
            let again = try await gateway.http.post("/api/vendors", HTTP.registration("s@petpro.example"), key: "k")
            #expect(first.status == 201 && again.status == 201 && first.body == again.body)
            let taken = try await gateway.http.post("/api/vendors", HTTP.registration("s@petpro.example", name: "Be"))
            #expect(taken.status == 409)
        }
    }
}
