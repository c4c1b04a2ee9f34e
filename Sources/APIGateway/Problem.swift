import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery

/// An error as HTTP clients see it: `application/problem+json` (RFC 9457) with a `code` and the `traceId`.
struct Problem: Error, Sendable {
    var status: HTTPResponse.Status
    var code: String
    var detail: String
    /// Every field that is wrong.
    var violations: [Violation] = []
    /// Further particulars, such as the reason and the alternatives of a refused booking.
    var details: JSONValue?
    var retryAfterSeconds: Int?

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

    static func unauthenticated(_ detail: String) -> Problem { Problem(.unauthorized, "UNAUTHENTICATED", detail) }
    static let notFound = Problem(.notFound, "NOT_FOUND", "There is no such resource.")

    static func invalid(_ violations: [Violation]) -> Problem {
        Problem(.badRequest, "INVALID_REQUEST", "Some fields are missing or wrong.", violations: violations)
    }

    /// The one place that decides which status a failure has.
    init(answering error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as RemoteError: self.init(error)
        case let error as CallError: self.init(error)
        case let error as InvalidPayload: self = .invalid(error.violations)
        case let error as HTTPError:
            // Hummingbird's own: no such route, a body that is too large.
            self.init(
                error.status, error.status == .notFound ? "NOT_FOUND" : "HTTP", error.body ?? error.status.reasonPhrase)
        default: self.init(.internalServerError, "INTERNAL", "Something went wrong here.")
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
            self.init(.badRequest, code.rawValue, detail, violations: Self.violations(error.details))
        case .badCredentials, .tokenRevoked: self.init(.unauthorized, code.rawValue, detail)
        case .forbidden, .accountDisabled: self.init(.forbidden, code.rawValue, detail)
        case .userNotFound, .vendorNotFound, .bookingNotFound, .petNotFound, .serviceNotFound, .productNotFound,
            .reservationNotFound:
            self.init(.notFound, code.rawValue, detail)
        case .emailTaken, .vendorExists, .vendorUnavailable, .petBusy, .priceChanged, .invalidTransition, .staleVersion,
            .skuTaken, .belowReserved, .insufficientStock, .reservationExpired, .userNotPending:
            self.init(.conflict, code.rawValue, detail, details: error.details)
        case .startInPast, .speciesNotServed, .cancellationNotAllowed, .keyReused:
            self.init(.unprocessableContent, code.rawValue, detail)
        case .shuttingDown:
            self.init(
                .gatewayTimeout, "OUTCOME_UNKNOWN", "A service stopped before it answered; the outcome is unknown.")
        case .dependencyUnavailable, .overloaded:
            self.init(.serviceUnavailable, code.rawValue, detail, retryAfterSeconds: 1)
        case .deadlineExceeded: self.init(.gatewayTimeout, code.rawValue, detail)
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
            self.init(.badGateway, "BAD_REPLY", "A service gave an answer that makes no sense here.")
        case .invalidCall: self.init(.contentTooLarge, "TOO_LARGE", "The request is too large.")
        default:
            // Rounded up: who comes sooner is refused again.
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

    func response(traceId: String) -> Response {
        var body: JSONObject = [
            "type": "about:blank", "title": .string(status.reasonPhrase), "status": .int(Int64(status.code)),
            "code": .string(code), "detail": .string(detail), "traceId": .string(traceId),
        ]
        if !violations.isEmpty { body["errors"] = .array(violations.map(\.jsonValue)) }
        if case .object(let details)? = details {
            for (key, value) in details { body[key] = value }
        }
        var headers: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        if status == .unauthorized {
            headers[.wwwAuthenticate] = "Bearer realm=\"petpro\", error=\"invalid_token\""
        }
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: JSONValue.object(body).jsonText)))
    }
}
