import AsyncHTTPClient
import CommandSupport
import NIOCore
import NIOHTTP1
import PetProStorage
import Rookery
import Synchronization

/// Sends the requests of the demo and prints each one.
final class DemoClient: Sendable {
    private let url: String
    private let http: HTTPClient
    /// The trace ids of the steps, by their names.
    private let traces = Mutex<[String: String]>([:])

    init(url: String, http: HTTPClient) {
        self.url = url
        self.http = http
    }

    private struct Answer {
        let status: Int
        let body: JSONValue
        let calls: String?
        let traceID: String?
    }

    private func send(
        _ method: HTTPMethod, _ path: String, body: JSONValue?, token: String?, headers: [(String, String)]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body.jsonText))
        }
        let response: HTTPClientResponse
        let bytes: ByteBuffer
        do {
            response = try await http.execute(request, timeout: .seconds(10))
            bytes = try await response.body.collect(upTo: 1 << 20)
        } catch {
            throw CommandFailure(
                "\(url) does not answer (\(error)).\nStart a platform first: petpro up --demo")
        }
        let value = bytes.readableBytes == 0 ? JSONValue.null : try JSONValue(parsing: bytes.readableBytesView)
        return Answer(
            status: Int(response.status.code), body: value, calls: response.headers.first(name: "X-PetPro-Calls"),
            traceID: response.headers.first(name: "X-Trace-Id"))
    }

    /// Sends one request, prints it with its status, and returns the response's body.
    ///
    /// Throws ``CommandSupport/CommandFailure`` without an answer within 10 s, or for any status other than `status`.
    func step(
        _ name: String, _ method: HTTPMethod, _ path: String, expecting status: Int, body: JSONValue? = nil,
        token: String? = nil, headers: [(String, String)] = []
    ) async throws -> JSONValue {
        let answer = try await send(method, path, body: body, token: token, headers: headers)
        let padded = name + String(repeating: " ", count: max(1, 38 - name.count))
        Terminal.line("  \(padded)\(method.rawValue) \(path) → \(answer.status)")
        if let calls = answer.calls { Terminal.line("      \(calls)") }
        guard answer.status == status else {
            throw CommandFailure("expected status \(status), got \(answer.status): \(answer.body.jsonText)")
        }
        if answer.calls != nil, let id = answer.traceID { traces.withLock { $0[name] = id } }
        return answer.body
    }

    /// Prints what a step did as a sequence diagram, if the platform keeps its requests.
    func draw(_ name: String) async {
        guard let id = traces.withLock({ $0[name] }) else { return }
        Terminal.line("")
        do {
            for line in TraceClient.lines(try await TraceClient(url: url).read("/console/api/traces/\(id)")) {
                Terminal.line(line)
            }
            Terminal.line("\nMore: \(url)/console")
        } catch {
            // The steps went well all the same.
            Terminal.note("no diagram: \(error)")
        }
    }

    func signIn(_ name: String, _ credentials: JSONValue) async throws -> String {
        let tokens = try await step(name, .POST, "/api/auth/login", expecting: 200, body: credentials)
        guard let token = tokens["accessToken"]?.stringValue else {
            throw CommandFailure("the answer has no token")
        }
        return token
    }

    /// Waits about 5 s for the account to become active. Auth activates it when the vendor's event arrives.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the account does not become active.
    func untilActive(_ token: String) async throws {
        for _ in 0..<100 {
            let answer = try await send(.GET, "/api/me", body: nil, token: token, headers: [])
            if answer.body["state"] == "active" { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw CommandFailure("the vendor's account did not become active in 5 s")
    }
}
