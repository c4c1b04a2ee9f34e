import HTTPTypes
import Logging
import PetProContracts
import Rookery

/// Registers a vendor: an account, then the vendor. If the second step fails for good, the first is taken back; if nobody
/// knows whether it happened, nothing is taken back.
struct RegistrationSaga: Sendable {
    let auth: any AuthAPI
    let vendors: any VendorAPI
    let logger: Logger

    /// `key` makes it resumable: the same registration again goes on where it stopped.
    func register(_ body: RegisterVendorBody, key: String, hash: String) async throws -> Vendor {
        let user = try await auth.createUser(
            CreateUser(
                email: body.user.email, password: body.user.password, name: body.user.name, role: .vendor,
                registrationKey: key, registrationHash: hash))
        let request = CreateVendor(
            userId: user.id, businessName: body.vendor.businessName, type: body.vendor.type,
            email: body.vendor.email ?? body.user.email, phone: body.vendor.phone, address: body.vendor.address,
            timeZone: body.vendor.timeZone, currency: body.vendor.currency, capacity: body.vendor.capacity,
            leadTimeMinutes: body.vendor.leadTimeMinutes, horizonDays: body.vendor.horizonDays)
        do {
            return try await vendors.createVendor(request)
        } catch let error as RemoteError where error.isRefusal {
            await takeBack(user, key)
            throw error
        } catch let error as CallError where !error.wasWritten {
            // It never reached the service.
            await takeBack(user, key)
            throw error
        } catch {
            return try await resolveUnknown(request, error)
        }
    }

    /// The vendor may exist: ask, and if it does not, try once more. Both are idempotent per user.
    private func resolveUnknown(_ request: CreateVendor, _ failure: any Error) async throws -> Vendor {
        logger.warning("the outcome of create-vendor is unknown", metadata: ["userId": "\(request.userId)"])
        do {
            return try await vendors.getVendorByUser(GetVendorByUser(userId: request.userId))
        } catch let error as RemoteError where error.code == .vendorNotFound {
            do {
                return try await vendors.createVendor(request)
            } catch {
                throw Self.stillUnknown
            }
        } catch {
            throw Self.stillUnknown
        }
    }

    private static let stillUnknown = Problem(
        .gatewayTimeout, "OUTCOME_UNKNOWN",
        "Whether the vendor was made is unknown. The same request with the same Idempotency-Key goes on from here.")

    /// If this fails, Auth's sweeper does it after a while.
    private func takeBack(_ user: User, _ key: String) async {
        do {
            try await auth.deleteUser(DeleteUser(id: user.id, registrationKey: key))
        } catch {
            logger.warning(
                "taking back an account failed; the sweeper will",
                metadata: ["userId": "\(user.id)", "error": "\(error)"])
        }
    }
}

extension RemoteError {
    /// Whether the service decided against it. A fault of its own, or its end in the middle of it, decides nothing.
    fileprivate var isRefusal: Bool {
        switch code {
        case nil, .internal, .shuttingDown, .deadlineExceeded: false
        default: true
        }
    }
}
