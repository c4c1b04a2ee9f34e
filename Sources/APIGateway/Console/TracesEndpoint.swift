import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import OTLPTraces
import Rookery
import TraceStore

/// Takes spans of other programs: `POST /v1/traces` of OTLP 1.9 over HTTP, as JSON or Protocol Buffers, also compressed with gzip.
struct TracesEndpoint: Sendable {
    /// The path, as OpenTelemetry's exporters add it to their endpoint.
    static let path = "/v1/traces"
    /// The largest body, in bytes, and the largest original of a compressed one: 4 MiB.
    static let bodyLimit = 4 << 20

    /// The hash of what senders must show as `Authorization: Bearer …`.
    private let token: SHA256Digest
    private let intake: SpanIntake
    private let failed: @Sendable (_ peer: String) throws -> Void

    init(token: String, intake: SpanIntake, failed: @escaping @Sendable (_ peer: String) throws -> Void) {
        self.token = SHA256.hash(data: Data(token.utf8))
        self.intake = intake
        self.failed = failed
    }

    func add(to router: Hummingbird.Router<GatewayContext>) {
        router.post(RouterPath(Self.path)) { request, context in
            do {
                return try await take(request, context)
            } catch {
                return Problem(answering: error).response(traceId: Traceparent.random().traceID)
            }
        }
    }

    private func take(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let shown = try Gateway.bearerToken(request)
        guard SHA256.hash(data: Data(shown.utf8)) == token else {
            try failed(context.peer)
            throw Problem.unauthenticated("The token is not that of the file otlp-token in the gateway's folder.")
        }
        let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
        let encoding: ExportSettings.Encoding
        switch type {
        case "application/json": encoding = .json
        case "application/x-protobuf": encoding = .protobuf
        default:
            throw Problem(
                .unsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE",
                "The body's Content-Type must be application/x-protobuf or application/json.")
        }
        // The connection has already collected the body, within its limits.
        let body = Array((try await request.body.collect(upTo: .max)).readableBytesView)
        let isCompressed: Bool
        switch request.headers[.contentEncoding]?.lowercased() {
        case nil, "identity": isCompressed = false
        case "gzip": isCompressed = true
        default:
            throw Problem(
                .unsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "The body's Content-Encoding must be gzip or identity."
            )
        }
        let traces = try await intake.reading {
            try Self.read(isCompressed ? try Self.decompressed(body) : body, encoding)
        }
        // The platform's own spans come from its processes.
        let spans = traces.spans.map { OwnedSpan($0) }.filter { !OwnedSpan.isOfPlatform($0.owner) }
        let own = traces.spans.count - spans.count
        guard intake.take(spans) else {
            throw Problem(
                .serviceUnavailable, "OVERLOADED", "Too many spans are waiting to be stored.", retryAfterSeconds: 1)
        }
        let reasons = [
            traces.rejected > 0 ? "\(traces.rejected) spans have an invalid id, time, name or service" : nil,
            own > 0 ? "\(own) spans have the name of a service of this platform" : nil,
        ].compactMap { $0 }
        let answer = TracesResponse(rejected: traces.rejected + own, message: reasons.joined(separator: "; "))
        return Response(
            status: .ok, headers: [.contentType: type ?? "", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body(encoding))))
    }

    /// Reads a body. Throws a 400.
    static func read(_ body: [UInt8], _ encoding: ExportSettings.Encoding) throws -> ReceivedTraces {
        do {
            return try ReceivedTraces(body, encoding)
        } catch {
            throw Problem.badRequest("\(error)")
        }
    }

    private static func decompressed(_ body: [UInt8]) throws -> [UInt8] {
        do {
            return try Gzip.decompress(body, limit: bodyLimit)
        } catch .tooLarge(let limit) {
            throw Problem.tooLarge(limit: limit)
        } catch .damaged {
            throw Problem.badRequest("The body is not compressed with gzip.")
        }
    }
}
