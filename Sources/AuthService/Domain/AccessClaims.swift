import JWTKit
import PetProContracts
import Rookery

/// The claims of an access token.
struct AccessClaims: JWTPayload {
    var iss: IssuerClaim
    var aud: AudienceClaim
    var sub: SubjectClaim
    var iat: IssuedAtClaim
    var exp: ExpirationClaim
    var role: String

    /// Checks nothing: ``AccessTokens`` checks the time against the service's clock.
    func verify(using algorithm: some JWTAlgorithm) throws {}
}
