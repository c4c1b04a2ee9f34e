import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import PetProContracts
import Rookery

/// An error response: `application/problem+json` (RFC 9457) with a `code` and the `traceId`.
struct Problem: HTTPResponseError, Sendable {
    var status: HTTPResponse.Status
    var code: String
    var detail: String
    /// Every invalid field.
    var violations: [Violation] = []
    /// Further members of the body, such as the reason and the alternatives of a refused booking.
    var details: JSONValue?
    var retryAfterSeconds: Int?
    /// The value of `Allow`: the methods of the path, when the request used another one.
    var allowed: String?

    init(
        _ status: HTTPResponse.Status, _ code: String, _ detail: String, violations: [Violation] = [],
        details: JSONValue? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.violations = violations
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
    }

    // MARK: The gateway's own errors

    static func unauthenticated(_ detail: String) -> Problem { Problem(.unauthorized, "UNAUTHENTICATED", detail) }
    static func forbidden(_ detail: String) -> Problem { Problem(.forbidden, "FORBIDDEN", detail) }
    static let accountPending = Problem(.forbidden, "ACCOUNT_PENDING", "The account is not active yet.")
    static let notFound = Problem(.notFound, "NOT_FOUND", "There is no such path.")
    static let noVendor = Problem(.notFound, RemoteError.Code.vendorNotFound.rawValue, "There is no such vendor.")
    static let noBooking = Problem(.notFound, RemoteError.Code.bookingNotFound.rawValue, "There is no such booking.")
    static let noProduct = Problem(.notFound, RemoteError.Code.productNotFound.rawValue, "There is no such product.")
    static let noReservation = Problem(
        .notFound, RemoteError.Code.reservationNotFound.rawValue, "There is no such reservation.")

    static func invalid(_ violations: [Violation]) -> Problem {
        Problem(.badRequest, "INVALID_REQUEST", "Some fields are missing or wrong.", violations: violations)
    }

    /// The request fits the document, but breaks a rule that no schema can state.
    static func ruleBroken(_ violations: [Violation]) -> Problem {
        Problem(
            .unprocessableContent, RemoteError.Code.invalidPayload.rawValue, "Some fields break a rule.",
            violations: violations)
    }

    static func methodNotAllowed(_ allowed: String) -> Problem {
        var problem = Problem(.methodNotAllowed, "METHOD_NOT_ALLOWED", "This path allows only \(allowed).")
        problem.allowed = allowed
        return problem
    }

    static let internalError = Problem(.internalServerError, "INTERNAL", "An internal error occurred.")
    static let notReady = Problem(.serviceUnavailable, "NOT_READY", "A service is not ready.")
    static let vendorNotActive = Problem(
        .conflict, RemoteError.Code.vendorNotActive.rawValue, "The vendor's state does not allow this.")

    static func invalidJSON(_ detail: String) -> Problem { Problem(.badRequest, "INVALID_JSON", detail) }
    static func badRequest(_ detail: String) -> Problem { Problem(.badRequest, "BAD_REQUEST", detail) }
    static func tooLarge(limit: Int) -> Problem {
        Problem(.contentTooLarge, "TOO_LARGE", "The body is over \(limit) bytes.")
    }
    static let requestTimeout = Problem(.requestTimeout, "REQUEST_TIMEOUT", "The request did not arrive in time.")
    static let versionNotSupported = Problem(
        HTTPResponse.Status(code: 505, reasonPhrase: "HTTP Version Not Supported"), "VERSION_NOT_SUPPORTED",
        "Only HTTP/1.1 and HTTP/1.0 are supported.")
    static let outOfMemory = Problem(
        .serviceUnavailable, "OVERLOADED", "The gateway has no memory left for this request.", retryAfterSeconds: 1)
    static func tooManyRequests(retryAfterSeconds: Int) -> Problem {
        Problem(
            .tooManyRequests, "RATE_LIMITED", "Too many requests in a minute.", retryAfterSeconds: retryAfterSeconds)
    }
    static let unsupportedMediaType = Problem(
        .unsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "The body's Content-Type must be application/json.")
    static func tooManyStreams(_ what: String) -> Problem {
        Problem(
            .tooManyRequests, "TOO_MANY_STREAMS", "The limit on \(what) is reached.", retryAfterSeconds: 5)
    }

    /// Makes the error for a request that the parser rejected.
    init(parsing error: HTTPParserError) {
        switch error {
        case .headerOverflow:
            self.init(
                .requestHeaderFieldsTooLarge, "HEADERS_TOO_LARGE",
                "The request's target and header fields are too large.")
        case .invalidVersion: self = .versionNotSupported
        case .invalidMethod: self.init(.notImplemented, "NOT_IMPLEMENTED", "The request's method is not supported.")
        default: self = .badRequest("The request is not HTTP: \(error).")
        }
    }

    // MARK: Errors of services and calls

    /// Makes the response to any error. Only this initializer decides the status of an error.
    init(answering error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as RemoteError: self.init(error)
        case let error as CallError: self.init(error)
        case let error as InvalidPayload: self = .invalid(error.violations)
        case let error as HTTPError:
            // Hummingbird throws it, for example when no route matches.
            self =
                error.status == .notFound
                ? .notFound : Problem(error.status, "HTTP", error.body ?? error.status.reasonPhrase)
        default: self = .internalError
        }
    }

    private init(_ error: RemoteError) {
        guard let code = error.code else {
            self.init(.internalServerError, "INTERNAL", "A service failed.")
            return
        }
        let detail = error.message ?? code.rawValue
        switch code {
        case .invalidPayload:
            // The gateway has checked the message's declaration. What a service refuses beyond that, no schema can state.
            self = .ruleBroken(Self.violations(error.details))
        case .badCredentials, .tokenRevoked: self.init(.unauthorized, code.rawValue, detail)
        case .forbidden, .accountDisabled: self.init(.forbidden, code.rawValue, detail)
        case .userNotFound, .vendorNotFound, .bookingNotFound, .petNotFound, .serviceNotFound, .productNotFound,
            .reservationNotFound:
            self.init(.notFound, code.rawValue, detail)
        case .emailTaken, .vendorExists, .vendorUnavailable, .vendorNotActive, .petBusy, .priceChanged,
            .invalidTransition, .staleVersion, .skuTaken, .belowReserved, .insufficientStock, .reservationExpired,
            .userNotPending, .limitReached, .accountHeld:
            self.init(.conflict, code.rawValue, detail, details: error.details)
        case .startInPast, .speciesNotServed, .cancellationNotAllowed, .keyReused:
            self.init(.unprocessableContent, code.rawValue, detail)
        case .shuttingDown:
            self.init(
                .gatewayTimeout, "OUTCOME_UNKNOWN", "A service stopped before it answered; the outcome is unknown.")
        case .dependencyUnavailable, .overloaded:
            // Clamped before the addition, because a service may send any number.
            let milliseconds = min(60_000, max(1, error.details?["retryAfterMs"]?.intValue ?? 1))
            self.init(
                .serviceUnavailable, code.rawValue, detail, retryAfterSeconds: Int((milliseconds + 999) / 1000))
        case .slowConsumer: self.init(.serviceUnavailable, code.rawValue, detail)
        case .deadlineExceeded: self.init(.gatewayTimeout, code.rawValue, detail)
        case .replyTooLarge: self.init(.badGateway, code.rawValue, "A service's answer was too large.")
        default: self.init(.internalServerError, "INTERNAL", "A service failed.")
        }
    }

    private init(_ error: CallError) {
        switch error.code {
        case .timeout, .streamTimeout:
            self.init(.gatewayTimeout, "TIMEOUT", "A service did not answer in time; the outcome is unknown.")
        case .connectionLost where error.wasWritten:
            self.init(
                .gatewayTimeout, "OUTCOME_UNKNOWN", "A service went away before it answered; the outcome is unknown.")
        case .invalidReply, .noHandler:
            self.init(.badGateway, "BAD_REPLY", "A service sent an invalid reply.")
        case .invalidCall: self.init(.contentTooLarge, "TOO_LARGE", "The request is too large.")
        default:
            // Rounded up, because a client that retries sooner is refused again.
            let seconds = error.retryAfter.map { Int(($0.nanoseconds + 999_999_999) / 1_000_000_000) } ?? 1
            self.init(
                .serviceUnavailable, "SERVICE_UNAVAILABLE", "A service cannot be reached.",
                retryAfterSeconds: max(1, seconds))
        }
    }

    private static func violations(_ details: JSONValue?) -> [Violation] {
        (details?.arrayValue ?? []).map { item in
            Violation(
                path: item["path"]?.stringValue ?? "", constraint: item["constraint"]?.stringValue ?? "",
                message: item["message"]?.stringValue ?? "")
        }
    }

    /// Returns the body of the response.
    func jsonValue(traceId: String) -> JSONValue {
        var body: JSONObject = [
            "type": "about:blank", "title": .string(status.reasonPhrase), "status": .int(Int64(status.code)),
            "code": .string(code), "detail": .string(detail), "traceId": .string(traceId),
        ]
        if !violations.isEmpty { body["errors"] = .array(violations.map(\.jsonValue)) }
        if case .object(let details)? = details {
            for (key, value) in details where body[key] == nil { body[key] = value }
        }
        return .object(body)
    }

    func response(traceId: String) -> Response {
        var headers: HTTPFields = [
            .contentType: "application/problem+json", .cacheControl: "no-store", .traceId: traceId,
        ]
        if status == .unauthorized {
            headers[.wwwAuthenticate] = "Bearer realm=\"petpro\", error=\"invalid_token\""
        }
        if let allowed { headers[.allow] = allowed }
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: jsonValue(traceId: traceId).jsonText)))
    }

    /// Makes the response for Hummingbird, with the trace of the request's context.
    func response(from request: Request, context: some RequestContext) throws -> Response {
        response(traceId: (context as? GatewayContext)?.traceId ?? "")
    }
}
