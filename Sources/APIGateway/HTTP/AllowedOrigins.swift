import HTTPTypes
import Hummingbird
import Rookery

/// The origins whose pages may call the API from a browser (Fetch, CORS protocol).
struct AllowedOrigins: Sendable, Hashable {
    private let origins: Set<String>

    /// Reads origins with commas in between. Throws ``RookeryPolicies/InvalidSetting`` for other text.
    init(_ text: String) throws(InvalidSetting) {
        var origins: Set<String> = []
        for part in text.split(separator: ",").map({ $0.filter { !$0.isWhitespace } }) where !part.isEmpty {
            guard let scheme = ["https://", "http://"].first(where: { part.hasPrefix($0) }), part.count > scheme.count,
                !part.dropFirst(scheme.count).contains("/"), part == part.lowercased()
            else { throw InvalidSetting("origins", "origins such as https://petpro.example, not \(part)") }
            origins.insert(part)
        }
        self.origins = origins
    }

    var isEmpty: Bool { origins.isEmpty }

    /// The header fields for a response to a page of this origin. Without an origin that is allowed, only `Vary`.
    func fields(for origin: String?) -> HTTPFields {
        guard !isEmpty else { return [:] }
        var fields: HTTPFields = [.vary: "Origin"]
        if let origin, origins.contains(origin) {
            fields[.accessControlAllowOrigin] = origin
            fields[.accessControlExposeHeaders] = "Location, Retry-After, X-Trace-Id"
        }
        return fields
    }

    /// The further header fields for a page that asks what it may send. Empty for an origin that is not allowed.
    func permissions(for origin: String?, methods: String) -> HTTPFields {
        guard let origin, origins.contains(origin) else { return [:] }
        return [
            .accessControlAllowMethods: methods,
            .accessControlAllowHeaders: "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, traceparent",
            .accessControlMaxAge: "600",
        ]
    }
}
