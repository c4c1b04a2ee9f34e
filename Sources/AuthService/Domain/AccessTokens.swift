import Crypto
import Foundation
import JWTKit
import PetProContracts
import Rookery

/// Issues and checks access tokens: JWTs signed with EdDSA. All instances of the service share the keys.
struct AccessTokens: Sendable {
    static let issuer = "petpro-auth"
    static let audience = "petpro"
    /// The type in the header: no other JWT of these keys is taken for an access token (RFC 9068, 2.1 and 4).
    static let type = "at+jwt"
    /// How long an access token is valid: 10 minutes.
    static let lifetime: Duration = .seconds(600)

    /// Why a token is not valid.
    enum Rejection: String, Error {
        case malformed, expired
    }

    private let keys = JWTKeyCollection()
    private let verified = VerifiedTokens()
    private let newest: JWKIdentifier
    private let known: Set<String>
    /// The public halves of the keys, oldest first.
    let published: [SigningKey]

    /// Every key verifies; the newest one signs.
    init(_ signing: SigningKeys) async throws {
        newest = JWKIdentifier(string: signing.newest.id)
        known = Set(signing.keys.map(\.id))
        published = try signing.keys.map { key in
            let point = try Curve25519.Signing.PrivateKey(rawRepresentation: key.seed).publicKey.rawRepresentation
            let x = point.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .trimmingCharacters(in: ["="])
            return SigningKey(kty: "OKP", crv: "Ed25519", kid: key.id, x: x, alg: "EdDSA", use: "sig")
        }
        for key in signing.keys {
            // The collection has no other key and no other algorithm, so it verifies no other tokens.
            await keys.add(
                eddsa: try EdDSA.PrivateKey(d: Data(key.seed).base64EncodedString(), curve: .ed25519),
                kid: JWKIdentifier(string: key.id))
        }
    }

    func issue(to user: User, at now: Instant) async throws -> (token: String, expiresAt: Instant) {
        let expiresAt = now + Self.lifetime
        let claims = AccessClaims(
            iss: .init(value: Self.issuer), aud: .init(value: Self.audience), sub: .init(value: String(user.id)),
            iat: .init(value: now.date), exp: .init(value: expiresAt.date), role: user.role.rawValue)
        var header = JWTHeader()
        header.typ = Self.type
        return (try await keys.sign(claims, kid: newest, header: header), expiresAt)
    }

    /// Returns the user of a token, and when the token expires. Throws ``Rejection``.
    func check(_ token: String, at now: Instant) async throws(Rejection) -> (userId: Int, expiresAt: Instant) {
        let digest = VerifiedTokens.digest(token)
        if let known = verified[digest] {
            guard now < known.expiresAt else { throw .expired }
            return (known.userId, known.expiresAt)
        }
        let claims: AccessClaims
        do {
            let header = try DefaultJWTParser().parse(Array(token.utf8), as: AccessClaims.self).header
            guard header.typ == Self.type, header.alg == "EdDSA", known.contains(header.kid ?? "") else {
                throw Rejection.malformed
            }
            claims = try await keys.verify(token, as: AccessClaims.self)
        } catch {
            throw .malformed
        }
        guard claims.iss.value == Self.issuer, claims.aud.value.contains(Self.audience), let id = Int(claims.sub.value)
        else { throw .malformed }
        let expiresAt = Instant(milliseconds: Int64((claims.exp.value.timeIntervalSince1970 * 1000).rounded()))
        guard now < expiresAt else { throw .expired }
        verified[digest] = .init(userId: id, expiresAt: expiresAt)
        return (id, expiresAt)
    }
}

extension Instant {
    fileprivate var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }
}
