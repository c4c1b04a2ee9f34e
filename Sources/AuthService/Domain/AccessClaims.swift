import JWTKit
import PetProContracts
import Rookery

/// What an access token says.
struct AccessClaims: JWTPayload {
    var iss: IssuerClaim
    var aud: AudienceClaim
    var sub: SubjectClaim
    var iat: IssuedAtClaim
    var exp: ExpirationClaim
    var role: String

    /// Time is checked by ``AccessTokens``, against its own clock.
    func verify(using algorithm: some JWTAlgorithm) throws {}
}
