import AsyncHTTPClient
import CommandSupport
import Foundation
import NIOCore
import NIOHTTP1
import Rookery

/// Reads what the console of a gateway shows.
struct TraceClient {
    let url: String

    /// The environment variable with the token of an operator, for a gateway on another machine.
    static let tokenVariable = "PETPRO_TOKEN"

    /// Reads a path of the console. Throws ``CommandSupport/CommandFailure`` with the next step if there is no answer.
    func read(_ path: String) async throws -> JSONValue {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration) { http in
            var request = HTTPClientRequest(url: url + path)
            if let token = ProcessInfo.processInfo.environment[Self.tokenVariable] {
                request.headers.add(name: "Authorization", value: "Bearer \(token)")
            }
            let status: UInt
            let body: JSONValue
            do {
                let response = try await http.execute(request, timeout: .seconds(10))
                status = response.status.code
                let bytes = try await response.body.collect(upTo: 16 << 20)
                body = try JSONValue(parsing: bytes.readableBytesView)
            } catch {
                throw CommandFailure("\(url) does not answer (\(error)).\nStart a platform first: petpro up --demo")
            }
            try Self.check(status, path, url, body)
            return body
        }
    }

    /// The most bytes of one event that is not whole yet.
    private static let longestEvent = 4 << 20

    /// Follows a stream of the console until `take` returns false.
    ///
    /// Throws ``CommandSupport/CommandFailure`` with the next step if there is no stream, or when the gateway ends it.
    func follow(_ path: String, _ take: (JSONValue) -> Bool) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        // A quiet stream is no broken one.
        configuration.timeout.read = nil
        try await HTTPClient.withHTTPClient(configuration: configuration) { http in
            var request = HTTPClientRequest(url: url + path)
            if let token = ProcessInfo.processInfo.environment[Self.tokenVariable] {
                request.headers.add(name: "Authorization", value: "Bearer \(token)")
            }
            let response: HTTPClientResponse
            do {
                response = try await http.execute(request, deadline: .distantFuture)
            } catch {
                throw CommandFailure("\(url) does not answer (\(error)).\nStart a platform first: petpro up --demo")
            }
            if response.status != .ok {
                let body = try? await response.body.collect(upTo: 1 << 20)
                let value = body.flatMap { try? JSONValue(parsing: $0.readableBytesView) }
                try Self.check(response.status.code, path, url, value ?? .null)
            }
            var rest: [UInt8] = []
            var parts = response.body.makeAsyncIterator()
            while true {
                let part: ByteBuffer
                do {
                    guard let next = try await parts.next() else { break }
                    part = next
                } catch {
                    throw CommandFailure("\(url) broke the stream (\(error)). Start again when the gateway is back.")
                }
                rest += part.readableBytesView
                // An event ends in an empty line, and its data is on one line.
                while let end = rest.firstRange(of: [10, 10]) {
                    let lines = rest[..<end.lowerBound].split(separator: 10)
                    rest.removeSubrange(..<end.upperBound)
                    for line in lines where line.starts(with: Array("data: ".utf8)) {
                        guard let value = try? JSONValue(parsing: Array(line.dropFirst(6))) else {
                            throw CommandFailure("\(url) sent an event that is not JSON: is it a gateway of PetPro?")
                        }
                        if !take(value) { return }
                    }
                }
                if rest.count > Self.longestEvent { throw CommandFailure("\(url) sent an event that has no end") }
            }
            throw CommandFailure("\(url) ended the stream: the gateway stopped. Start again when it is back.")
        }
    }

    /// Throws what to do about a status other than 200.
    private static func check(_ status: UInt, _ path: String, _ url: String, _ body: JSONValue = .null) throws {
        switch status {
        case 200: return
        case 401, 403:
            throw CommandFailure(
                """
                \(url) answered \(status): \(body["detail"]?.stringValue ?? "")
                Sign in as an operator or an administrator (POST /api/auth/login), and put the accessToken into \(tokenVariable).
                """)
        case 404 where path.contains("/traces/"):
            throw CommandFailure(
                "\(url) does not have this request: it keeps at most 500, and outside demo mode only a sample. `petpro trace --url \(url)` lists them."
            )
        case 404: throw CommandFailure("\(url) keeps no requests: start it with --console or --demo.")
        default: throw CommandFailure("\(url) answered \(status): \(body.jsonText)")
        }
    }

    /// A request as lines for people: the verdict, and the diagram.
    static func lines(_ trace: JSONValue) -> [String] {
        let verdict = trace["verdict"]
        let text = verdict?["text"]?.stringValue ?? ""
        let first = verdict?["flow"] == nil ? text : verdict?["right"] == true ? "followed \(text)" : text
        return [Terminal.strong(first), ""] + (trace["text"]?.stringValue ?? "").split(separator: "\n").map(String.init)
    }
}
