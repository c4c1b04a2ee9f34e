import PetProContracts
import Rookery

/// The state machine of a vendor registration: first the account, then the vendor.
///
/// The driver reports the result of each step and gets the next step. `docs/platform.md` has the diagram.
///
/// The saga deletes the account only when Vendor refused the vendor for good. Auth deletes it only if this attempt
/// created it. An unreachable or overloaded service has refused nothing, so the account stays and the same registration
/// can continue. Otherwise Auth's sweeper deletes the account.
struct RegistrationSaga: Sendable, Hashable {
    enum State: Sendable, Hashable {
        case creatingUser
        case creatingVendor(userId: Int)
        /// The outcome of the first call is unknown. Creating a vendor is idempotent, so the saga calls once more.
        case creatingVendorAgain(userId: Int)
        case takingBack(userId: Int)
        case done
    }

    /// The next action.
    enum Step: Sendable, Hashable {
        case createUser
        case createVendor(userId: Int)
        case deleteUser(userId: Int)
        case finish(Outcome)
    }

    enum Outcome: Sendable, Hashable {
        /// The vendor exists.
        case registered
        /// The response is the last failure of `createUser` or `createVendor`, not that of `deleteUser`.
        case failed
        case unknown
        /// The account was deleted before the vendor existed.
        case expired
    }

    /// The result of a step.
    enum Result: Sendable, Hashable {
        case user(id: Int)
        case vendor
        case deleted
        case failure(Failure)
    }

    /// The effect of a failed step.
    enum Failure: Sendable, Hashable {
        /// The step had no effect, and a repetition will have none.
        case refused
        /// The step had no effect this time.
        case notDone
        /// The account of the vendor no longer exists.
        case accountGone
        /// The step may have taken effect.
        case unknown
    }

    private(set) var state = State.creatingUser

    var first: Step { .createUser }

    mutating func next(after result: Result) -> Step {
        switch (state, result) {
        case (.creatingUser, .user(let id)):
            state = .creatingVendor(userId: id)
            return .createVendor(userId: id)
        case (.creatingUser, .failure(let failure)):
            return finish(failure == .unknown ? .unknown : .failed)

        case (.creatingVendor, .vendor), (.creatingVendorAgain, .vendor): return finish(.registered)
        case (.creatingVendor, .failure(.accountGone)), (.creatingVendorAgain, .failure(.accountGone)):
            return finish(.expired)
        case (.creatingVendor(let id), .failure(.refused)):
            state = .takingBack(userId: id)
            return .deleteUser(userId: id)
        case (.creatingVendor, .failure(.notDone)): return finish(.failed)
        // The first call may have taken effect. The sweeper asks Vendor, and activates or deletes the account.
        case (.creatingVendorAgain, .failure(.refused)): return finish(.failed)
        case (.creatingVendor(let id), .failure(.unknown)):
            state = .creatingVendorAgain(userId: id)
            return .createVendor(userId: id)
        case (.creatingVendorAgain, .failure(.notDone)), (.creatingVendorAgain, .failure(.unknown)):
            // The first call may have taken effect, even if the second one did not.
            return finish(.unknown)

        // If the deletion failed, the sweeper deletes the account.
        case (.takingBack, .deleted), (.takingBack, .failure): return finish(.failed)

        // The result does not belong to the current step.
        case (.creatingUser, _), (.creatingVendor, _), (.creatingVendorAgain, _), (.takingBack, _), (.done, _):
            return finish(.unknown)
        }
    }

    private mutating func finish(_ outcome: Outcome) -> Step {
        state = .done
        return .finish(outcome)
    }
}

extension RegistrationSaga.Failure {
    /// Classifies an error. An error of unknown effect becomes ``unknown``, never ``refused``.
    init(_ error: any Error) {
        switch error {
        case let error as RemoteError:
            switch error.code {
            case .invalidPayload: self = .refused
            case .userNotFound: self = .accountGone
            case .vendorExists, .emailTaken, .keyReused, .overloaded, .dependencyUnavailable, .forbidden:
                self = .notDone
            default: self = .unknown
            }
        case let error as CallError: self = error.wasWritten ? .unknown : .notDone
        default: self = .unknown
        }
    }
}
