import Logging
public import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery

// What only an operator with access to the database can do.
extension AuthController {
    /// Creates an administrator's account. Only an operator with access to the database can call it, because clients
    /// cannot register as administrators.
    ///
    /// Throws `EMAIL_TAKEN`, and ``Rookery/InvalidPayload`` when a field is invalid.
    public func createAdmin(email: String, name: String, password: String) async throws -> User {
        // Decoding applies the rules of the message, as for a registration.
        let request = try CreateUser.decode(
            json: CreateUser(email: email, password: password, name: name, role: .admin).json)
        if let problem = Self.common(request.password, path: "password") { throw problem }
        let hash = try await hasher.hash(request.password).phc
        let now = environment.now()
        let eventId = environment.uniqueID()
        let user = try await database.write { transaction in
            let user = try transaction.insertUser(request, state: .active, password: hash, at: now)
            try transaction.publish(
                .userCreated, UserCreated(userId: user.id, role: user.role), about: "user-\(user.id)", at: now,
                id: eventId)
            return user
        }
        logger.notice("an administrator was made", metadata: ["userId": "\(user.id)"])
        audit.record(AuditEvent(.accountMade, actor: "operator", subject: user.id))
        return user
    }

    /// Disables an account, or enables it again. A disabled account cannot sign in, its tokens are no longer valid, and all
    /// its sessions end. Only an operator with access to the database can call it.
    ///
    /// Returns false, and changes nothing, when the account is in that state already. Throws `USER_NOT_FOUND`, and
    /// `INVALID_TRANSITION` for a pending or deleted account.
    public func setDisabled(_ isDisabled: Bool, email: String) async throws -> Bool {
        let now = environment.now()
        let changed = try await database.write { transaction -> Int? in
            guard let user = try transaction.user(email: email)?.user else {
                throw RemoteError(.userNotFound, "There is no account with this email address.")
            }
            switch (user.state, isDisabled) {
            case (.disabled, true), (.active, false): return nil
            case (.active, true):
                try transaction.setState(.disabled, ofUser: user.id)
                try transaction.revokeSessions(ofUser: user.id, at: now)
            case (.disabled, false): try transaction.setState(.active, ofUser: user.id)
            case (.pendingVendor, _), (.deleted, _):
                throw RemoteError(.invalidTransition, "The account is \(user.state.rawValue).")
            }
            return user.id
        }
        guard let changed else { return false }
        logger.notice(
            isDisabled ? "an account was disabled" : "an account was enabled", metadata: ["userId": "\(changed)"])
        audit.record(
            AuditEvent(isDisabled ? .accountDisabled : .accountEnabled, actor: "operator", subject: changed))
        return true
    }

    /// Puts an account under a legal hold, or ends the hold. A held account cannot be erased. Only an operator with access to
    /// the database can call it.
    ///
    /// Returns false, and changes nothing, when that is so already. Throws `USER_NOT_FOUND`.
    public func setHeld(_ isHeld: Bool, email: String) async throws -> Bool {
        let now = environment.now()
        let changed = try await database.write { transaction -> Int? in
            guard let user = try transaction.user(email: email)?.user else {
                throw RemoteError(.userNotFound, "There is no account with this email address.")
            }
            if try transaction.isHeld(user.id) == isHeld { return nil }
            try transaction.setHeld(user.id, since: isHeld ? now : nil)
            return user.id
        }
        guard let changed else { return false }
        logger.notice(
            isHeld ? "a legal hold began" : "a legal hold ended", metadata: ["userId": "\(changed)"])
        audit.record(AuditEvent(isHeld ? .accountHeld : .accountReleased, actor: "operator", subject: changed))
        return true
    }
}
