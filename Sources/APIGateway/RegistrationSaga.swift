import PetProContracts
import Rookery

/// The registration of a vendor as a value: an account, then the vendor. It is told what came of each step, and says
/// which comes next; `docs/platform.md` draws it.
///
/// Only what this attempt made is taken back, and only when the vendor was refused for good. A service that cannot be
/// reached, or is overloaded, has refused nothing: the same registration goes on from there, and if none comes, Auth's
/// sweeper takes the account back.
struct RegistrationSaga: Sendable, Hashable {
    enum State: Sendable, Hashable {
        case creatingUser
        case creatingVendor(userId: Int)
        /// Whether the first call did it is unknown: making a vendor is idempotent, and another answer may be known.
        case creatingVendorAgain(userId: Int)
        case takingBack(userId: Int)
        case done
    }

    /// What is to be done next.
    enum Step: Sendable, Hashable {
        case createUser
        case createVendor(userId: Int)
        case deleteUser(userId: Int)
        case finish(Outcome)
    }

    enum Outcome: Sendable, Hashable {
        /// The vendor is there.
        case registered
        /// The last failure is the answer: of the step before an account was taken back, that is.
        case failed
        case unknown
        /// The account was taken back in the meantime.
        case expired
    }

    /// What came of a step.
    enum Result: Sendable, Hashable {
        case user(id: Int)
        case vendor
        case deleted
        case failure(Failure)
    }

    /// What a failure means for what was asked for.
    enum Failure: Sendable, Hashable {
        /// It was not done, and never will be.
        case refused
        /// It was not done this time.
        case notDone
        /// The account that it was for is gone.
        case accountGone
        /// It may have been done.
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
        // The first call may have been taken all the same: the sweeper, which asks Vendor, takes the account back.
        case (.creatingVendorAgain, .failure(.refused)): return finish(.failed)
        case (.creatingVendor(let id), .failure(.unknown)):
            state = .creatingVendorAgain(userId: id)
            return .createVendor(userId: id)
        case (.creatingVendorAgain, .failure(.notDone)), (.creatingVendorAgain, .failure(.unknown)):
            // That the second call was not done says nothing about the first.
            return finish(.unknown)

        // If it was not taken back, the sweeper does it.
        case (.takingBack, .deleted), (.takingBack, .failure): return finish(.failed)

        // A step's result that is none of its own.
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
    /// Reads a failure. Only what is known to be a refusal is one: everything else is not done, or unknown.
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
