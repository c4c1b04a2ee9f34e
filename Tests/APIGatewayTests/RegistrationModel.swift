import PetProContracts
import Rookery

@testable import APIGateway
@testable import AuthService
@testable import VendorService

/// Auth, Vendor, two attempts at one registration, and what is on its way between them: every decision is the services'
/// own, the rest is as their transactions do it.
struct RegistrationModel: Hashable {
    struct Account: Hashable {
        var id: Int
        var known: AuthService.Registration.Existing
        var madeBy: String?
        var touchedBy: String?
        var touchedAt: Instant
        var claim: Int?
    }
    struct Attempt: Hashable {
        var name: String
        var key: String?
        var businessName: String
        /// Vendor refuses what it asks for, for good.
        var isRefused = false
        var saga = RegistrationSaga()
        var step = RegistrationSaga.Step.createUser
        var faults = 0
        var isOver: Bool {
            if case .finish = step { return true }
            return false
        }
    }
    /// A call that arrives after its sender has given up.
    struct Late: Hashable {
        var attempt: Int
        var step: RegistrationSaga.Step
    }
    enum Event: Hashable { case vendorCreated(Int), userDeleted(Int) }
    enum Sweeper: Hashable { case idle, claimed(Int, token: Int), asked(Int, token: Int, hasVendor: Bool) }

    var attempts: [Attempt]
    var account: Account?
    var nextID = 1
    /// The vendors by their accounts.
    var vendors: [Int: VendorService.VendorRegistration.Existing] = [:]
    var inactive: Set<Int> = []
    var gone: Set<Int> = []
    var late: [Late] = []
    var events: [Event] = []
    var sweeper = Sweeper.idle
    var claims = 0
    var jumps = 0
    var now = Instant(milliseconds: 0)
    /// The accounts of vendors that an attempt was told it has.
    var promised: Set<Int> = []

    init(_ attempts: [Attempt]) { self.attempts = attempts }

    /// Every world that may come next.
    var next: [RegistrationModel] {
        var worlds: [RegistrationModel] = []
        func adding(_ change: (inout RegistrationModel) -> Void) {
            var world = self
            change(&world)
            worlds.append(world)
        }
        for index in attempts.indices where !attempts[index].isOver {
            adding { $0.go(index, with: $0.perform($0.attempts[index].step, for: index)) }
            // It stops where it is: cancelled, or crashed.
            adding { $0.attempts[index].step = .finish(.unknown) }
            guard attempts[index].faults < 2 else { continue }
            adding { world in
                world.attempts[index].faults += 1
                _ = world.perform(world.attempts[index].step, for: index)
                world.go(index, with: .failure(.unknown))
            }
            adding { world in
                world.attempts[index].faults += 1
                world.late.append(Late(attempt: index, step: world.attempts[index].step))
                world.go(index, with: .failure(.unknown))
            }
            adding { world in
                world.attempts[index].faults += 1
                world.go(index, with: .failure(.notDone))
            }
        }
        for index in late.indices { adding { $0.arrive(index) } }
        if !events.isEmpty { adding { $0.deliver() } }
        adding { $0.sweep() }
        if jumps < 2 { adding { $0.jump() } }
        return worlds.filter { $0 != self }
    }

    private mutating func go(_ index: Int, with result: RegistrationSaga.Result) {
        let step = attempts[index].step
        attempts[index].step = attempts[index].saga.next(after: result)
        if case .finish(.registered) = attempts[index].step, case .createVendor(let id) = step { promised.insert(id) }
    }

    private mutating func arrive(_ index: Int) {
        let message = late.remove(at: index)
        _ = perform(message.step, for: message.attempt)
    }

    /// What a service does for a step, and what it answers.
    private mutating func perform(_ step: RegistrationSaga.Step, for index: Int) -> RegistrationSaga.Result {
        let attempt = attempts[index]
        switch step {
        case .createUser: return createUser(attempt)
        case .createVendor(let id): return createVendor(attempt, id)
        case .deleteUser(let id):
            guard let account, account.id == id else { return .deleted }
            guard
                AuthService.Registration.mayTakeBack(
                    attempt.name, state: account.known.state, madeBy: account.madeBy, touchedBy: account.touchedBy)
            else { return .failure(.notDone) }
            delete()
            return .deleted
        case .finish: return .failure(.unknown)
        }
    }

    private mutating func createUser(_ attempt: Attempt) -> RegistrationSaga.Result {
        let request = CreateUser(
            email: "a@petpro.example", password: "correct horse", name: "A", role: .vendor,
            registrationKey: attempt.key, registrationDigest: attempt.businessName, attempt: attempt.name)
        switch AuthService.Registration.decide(request, account?.known, at: now) {
        case .taken, .busy, .keyReused: return .failure(.notDone)
        case .make:
            let known = AuthService.Registration.Existing(
                state: .pendingVendor, role: .vendor, name: "A", key: attempt.key, digest: attempt.businessName,
                claimedAt: nil)
            account = Account(
                id: nextID, known: known, madeBy: attempt.name, touchedBy: attempt.name, touchedAt: now, claim: nil)
            nextID += 1
        case .resumeIfSamePassword:
            account?.known.key = attempt.key
            account?.known.digest = attempt.businessName
            account?.known.claimedAt = nil
            account?.claim = nil
            account?.touchedBy = attempt.name
            account?.touchedAt = now
        }
        return account.map { .user(id: $0.id) } ?? .failure(.unknown)
    }

    private mutating func createVendor(_ attempt: Attempt, _ id: Int) -> RegistrationSaga.Result {
        if attempt.isRefused { return .failure(.refused) }
        let request = CreateVendor(
            userId: id, businessName: attempt.businessName, type: .grooming, timeZone: .utc, currency: .eur)
        switch VendorService.VendorRegistration.decide(request, vendors[id], isGone: gone.contains(id)) {
        case .make:
            vendors[id] = .init(
                digest: VendorService.VendorRegistration.digest(request), businessName: attempt.businessName)
            events.append(.vendorCreated(id))
            return .vendor
        case .same: return .vendor
        case .exists: return .failure(.notDone)
        case .accountGone: return .failure(.accountGone)
        }
    }

    private mutating func delete() {
        guard let id = account?.id else { return }
        account = nil
        events.append(.userDeleted(id))
    }

    private mutating func deliver() {
        switch events.removeFirst() {
        case .vendorCreated(let id):
            guard account?.id == id, account?.known.state == .pendingVendor else { return }
            account?.known.state = .active
            account?.known.claimedAt = nil
            account?.claim = nil
        case .userDeleted(let id):
            gone.insert(id)
            if vendors[id] != nil { inactive.insert(id) }
        }
    }

    /// Calls last seconds: none that is waited for lasts as long as this.
    private mutating func jump() {
        jumps += 1
        now = now + AuthService.Registration.patience
        for index in attempts.indices where !attempts[index].isOver { attempts[index].step = .finish(.unknown) }
    }

    private mutating func sweep() {
        switch sweeper {
        case .idle:
            guard let account,
                AuthService.Registration.mayClaim(
                    state: account.known.state, touchedAt: account.touchedAt, claimedAt: account.known.claimedAt,
                    at: now)
            else { return }
            claims += 1
            self.account?.claim = claims
            self.account?.known.claimedAt = now
            sweeper = .claimed(account.id, token: claims)
        case .claimed(let id, let token): sweeper = .asked(id, token: token, hasVendor: vendors[id] != nil)
        case .asked(let id, let token, let hasVendor):
            sweeper = .idle
            guard account?.id == id, account?.claim == token else { return }
            if hasVendor {
                account?.known.state = .active
                account?.known.claimedAt = nil
                account?.claim = nil
            } else {
                delete()
            }
        }
    }

    /// The world when everything has arrived, and the sweeper has been there a quarter of an hour later.
    var settled: RegistrationModel {
        var world = self
        while !world.late.isEmpty { world.arrive(0) }
        while !world.events.isEmpty { world.deliver() }
        for _ in 0..<2 {
            world.jump()
            for _ in 0..<6 { world.sweep() }
            while !world.events.isEmpty { world.deliver() }
        }
        return world
    }

    /// What is wrong with it; nil when nothing is.
    var wrong: String? {
        for id in vendors.keys where !inactive.contains(id) && account?.id != id {
            return "an active vendor has no account"
        }
        if let account, vendors[account.id] == nil || inactive.contains(account.id) {
            return "an account has no vendor"
        }
        if let account, account.known.state != .active { return "a vendor's account is not active" }
        for id in promised where account?.id != id || inactive.contains(id) {
            return "a vendor that was promised is gone"
        }
        return nil
    }
}
