import Crypto
import HTTPTypes
import Logging
import PetProContracts
import Rookery

/// Executes a ``RegistrationSaga``.
struct VendorRegistration: Sendable {
    let auth: any AuthAPI
    let vendors: any VendorAPI
    let logger: Logger

    /// Registers a vendor and its account.
    ///
    /// A repetition with the same `key` continues where the registration stopped, and returns the same vendor.
    /// `attempt` identifies this attempt and must be unique. Cancellation stops the registration at its current step,
    /// as a crash would.
    func register(_ body: VendorRegistrationBody, key: String?, attempt: String) async throws -> Vendor {
        var saga = RegistrationSaga()
        var step = saga.first
        var vendor: Vendor?
        var failure: (any Error)?
        while true {
            let result: RegistrationSaga.Result
            switch step {
            // Not inside a `do`: an error thrown here ends the registration.
            case .finish(let outcome): return try Self.answer(outcome, vendor, failure)
            case .createUser:
                do {
                    result = .user(id: try await auth.createUser(Self.user(body, key, attempt)).id)
                } catch {
                    failure = error
                    result = .failure(.init(error))
                }
            case .createVendor(let userId):
                do {
                    vendor = try await vendors.createVendor(Self.vendor(body.vendor, userId))
                    result = .vendor
                } catch {
                    failure = error
                    result = .failure(.init(error))
                }
            case .deleteUser(let userId):
                do {
                    try await auth.deleteUser(DeleteUser(id: userId, attempt: attempt))
                    result = .deleted
                } catch {
                    logger.warning(
                        "deleting the account of a refused registration failed; the sweeper will delete it",
                        metadata: ["userId": "\(userId)", "error": "\(error)"])
                    result = .failure(.init(error))
                }
            }
            step = saga.next(after: result)
        }
    }

    private static func answer(_ outcome: RegistrationSaga.Outcome, _ vendor: Vendor?, _ failure: (any Error)?) throws
        -> Vendor
    {
        switch outcome {
        case .registered:
            guard let vendor else { throw unknown }
            return vendor
        case .failed: throw failure ?? unknown
        case .unknown: throw unknown
        case .expired:
            throw Problem(
                .serviceUnavailable, "REGISTRATION_EXPIRED",
                "The registration took too long and its account was deleted. Send it again.", retryAfterSeconds: 1)
        }
    }

    private static let unknown = Problem(
        .gatewayTimeout, "OUTCOME_UNKNOWN",
        "The vendor may or may not exist. Send the same request again, with the same Idempotency-Key if it had one, to "
            + "continue.")

    private static func user(_ body: VendorRegistrationBody, _ key: String?, _ attempt: String) -> CreateUser {
        var user = body.user
        user.role = .vendor
        user.registrationKey = key
        user.registrationDigest = digest(body)
        user.attempt = attempt
        return user
    }

    private static func vendor(_ vendor: CreateVendor, _ userId: Int) -> CreateVendor {
        var vendor = vendor
        vendor.userId = userId
        return vendor
    }

    /// Returns the SHA-256 of the registration without its password, in hexadecimal. A fast digest would help to guess
    /// the password, so only its slow hash is stored.
    static func digest(_ body: VendorRegistrationBody) -> String {
        var body = body
        body.user.password = ""
        return Hexadecimal.text(Array(SHA256.hash(data: Array(body.json.utf8))))
    }
}
