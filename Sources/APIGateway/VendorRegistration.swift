import Crypto
import HTTPTypes
import Logging
import PetProContracts
import Rookery

/// Carries a ``RegistrationSaga`` out.
struct VendorRegistration: Sendable {
    let auth: any AuthAPI
    let vendors: any VendorAPI
    let logger: Logger

    /// Registers a vendor. With `key` the same registration again goes on where it stopped, and gets the same vendor;
    /// `attempt` is this attempt's own name. Cancelling it stops it where it is, as a crash would.
    func register(_ body: VendorRegistrationBody, key: String?, attempt: String) async throws -> Vendor {
        var saga = RegistrationSaga()
        var step = saga.first
        var vendor: Vendor?
        var failure: (any Error)?
        while true {
            let result: RegistrationSaga.Result
            switch step {
            // Outside of what is caught: the answer ends it, whatever it is.
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
                        "an account was not taken back; the sweeper will do it",
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
                "The registration took too long and was taken back. Send it again.", retryAfterSeconds: 1)
        }
    }

    private static let unknown = Problem(
        .gatewayTimeout, "OUTCOME_UNKNOWN",
        "Whether the vendor was made is unknown. The same request, with the same Idempotency-Key if it had one, goes on "
            + "from here.")

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

    /// Of everything but the password: nothing that could be used to guess it is kept anywhere but its slow hash.
    static func digest(_ body: VendorRegistrationBody) -> String {
        var body = body
        body.user.password = ""
        return SHA256.hash(data: Array(body.json.utf8)).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }
}
