import PetProContracts
import PetProRuntime
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import APIGateway

@Suite("Who may use the console", .timeLimit(.minutes(1)))
struct ConsoleAccessTests {
    /// An answer as it is on the wire.
    private struct Answer {
        let status: Int
        let text: String
        var body: JSONValue {
            (try? JSONValue(parsing: Array(text.components(after: "\r\n\r\n").utf8))) ?? .null
        }
        /// The cookie that it sets, as a browser sends it back.
        var cookie: String? {
            text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("set-cookie: ") }
                .map { String($0.dropFirst("set-cookie: ".count).prefix { $0 != ";" }) }
        }
    }

    private func ask(
        _ gateway: RunningGateway, _ method: String, _ path: String, _ fields: [String: String] = [:],
        _ body: String = ""
    ) async throws -> Answer {
        var head = "\(method) /console/api/\(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in fields { head += "\(name): \(value)\r\n" }
        if method == "POST" { head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
        let text = try await gateway.exchange(head + "\r\n" + body)
        return Answer(status: Int(text.dropFirst(9).prefix(3)) ?? 0, text: text)
    }

    /// A gateway with a console outside demo mode, whose one-time token is `once`.
    private func serving(
        liveCheck: Duration = .seconds(30), _ body: @Sendable (RunningGateway) async throws -> Void
    ) async throws {
        try await TestPlatform().serving(
            change: {
                $0.rates.mode = .off
                $0.console.liveCheck = liveCheck
                $0.console.isDemo = false
                $0.console.token = "once"
            }, tracer: BoundedTracer(), body)
    }

    @Test("outside demo mode is one with the URL of the start, once, by a cookie that no script and no other site gets")
    func once() async throws {
        try await serving { gateway in
            #expect(try await ask(gateway, "GET", "traces").status == 401)
            #expect(try await ask(gateway, "POST", "session", [:], #"{"token":"wrong"}"#).status == 401)
            let opened = try await ask(gateway, "POST", "session", [:], #"{"token":"once"}"#)
            #expect(opened.status == 200 && opened.body["role"] == "admin", "\(opened.text)")
            let lines = opened.text.lowercased()
            #expect(lines.contains("httponly") && lines.contains("samesite=strict") && lines.contains("path=/console"))
            #expect(try await ask(gateway, "POST", "session", [:], #"{"token":"once"}"#).status == 401)
            let cookie = try #require(opened.cookie)
            #expect(try await ask(gateway, "GET", "traces", ["Cookie": cookie]).status == 200)
            #expect(
                try await ask(gateway, "GET", "traces", ["Cookie": cookie, "Sec-Fetch-Site": "cross-site"]).status
                    == 401)
            #expect(try await ask(gateway, "GET", "traces", ["Cookie": "petpro_console_0=guess"]).status == 401)
            // It acts with the session's CSRF token only.
            let event = #"{"publisher":"booking","subscriber":"vendor","position":1}"#
            for fields in [["Cookie": cookie], ["Cookie": cookie, "X-CSRF-Token": "demo"]] {
                #expect(try await ask(gateway, "POST", "events/replay", fields, event).status == 403)
            }
            let csrf = try #require(opened.body["csrf"]?.stringValue)
            let acted = try await ask(
                gateway, "POST", "events/replay", ["Cookie": cookie, "X-CSRF-Token": csrf], event)
            // There is no such dead letter.
            #expect(acted.status == 404 && acted.text.contains("no dead letter at 1"), "\(acted.text)")
            #expect(try await ask(gateway, "DELETE", "session", ["Cookie": cookie]).status == 204)
            #expect(try await ask(gateway, "GET", "traces", ["Cookie": cookie]).status == 401)
        }
    }

    @Test("an operator reads, an administrator acts, and nobody else does either")
    func roles() async throws {
        try await serving { gateway in
            let event = #"{"publisher":"booking","subscriber":"vendor","position":1}"#
            for (role, reads, acts) in [("maya", 403, 403), ("ops", 200, 403), ("admin", 200, 404)] {
                let token = try await gateway.http.signIn("\(role)@petpro.example")
                let bearer = ["Authorization": "Bearer \(token)"]
                let read = try await ask(gateway, "GET", "traces", bearer)
                #expect(read.status == reads, "\(role): \(read.text)")
                let acted = try await ask(gateway, "POST", "events/replay", bearer, event)
                #expect(acted.status == acts, "\(role): \(acted.text)")
                let session = try await ask(gateway, "POST", "session", bearer, "{}")
                #expect(session.status == (reads == 200 ? 200 : 403), "\(role): \(session.text)")
                if let cookie = session.cookie, let csrf = session.body["csrf"]?.stringValue {
                    let fields = ["Cookie": cookie, "X-CSRF-Token": csrf]
                    #expect(try await ask(gateway, "GET", "traces", fields).status == 200)
                    let again = try await ask(gateway, "POST", "events/replay", fields, event)
                    #expect(again.status == acted.status, "\(role): \(again.text)")
                }
            }
        }
    }

    @Test("a stream ends with the session of its reader")
    func streams() async throws {
        try await serving(liveCheck: .milliseconds(20)) { gateway in
            let opened = try await ask(gateway, "POST", "session", [:], #"{"token":"once"}"#)
            let cookie = try #require(opened.cookie)
            try await RawSocket.connected(to: gateway.port) { socket in
                try await socket.write(
                    "GET /console/api/live HTTP/1.1\r\nHost: localhost\r\nCookie: \(cookie)\r\nConnection: close\r\n\r\n"
                )
                var text = ""
                while !text.contains("retry: 2000") {
                    text = String(decoding: try await socket.read(text.utf8.count + 1), as: UTF8.self)
                }
                // Checked many times, it goes on.
                #expect(try await gateway.http.get("/api/vendors").status == 200)
                while !text.contains("GET /api/vendors") {
                    text = String(decoding: try await socket.read(text.utf8.count + 1), as: UTF8.self)
                }
                #expect(try await ask(gateway, "DELETE", "session", ["Cookie": cookie]).status == 204)
                // The end of the connection.
                _ = await socket.readToEnd()
            }
        }
    }

    @Test("an account that is disabled loses its session within a minute, and the audit log has what was done")
    func disabled() async throws {
        let clock = LockedBox<ContinuousClock.Instant>(.now)
        let sessions = ConsoleSessions(token: nil, now: { clock.value.withLock { $0 } })
        let (id, session) = sessions.open(.ops, account: 7)
        #expect(session.actor == AuditEvent.user(7) && sessions.dueAccount(id) == nil)
        clock.value.withLock { $0 += ConsoleSessions.checkInterval }
        // It is asked once for each interval.
        #expect(sessions.dueAccount(id) == 7 && sessions.dueAccount(id) == nil)
        try await serving { gateway in
            _ = gateway.platform.audited.take()
            let token = try await gateway.http.signIn("ops@petpro.example")
            let bearer = ["Authorization": "Bearer \(token)"]
            let opened = try await ask(gateway, "POST", "session", bearer, "{}")
            let event = #"{"publisher":"booking","subscriber":"vendor","position":1}"#
            let fields = ["Cookie": opened.cookie ?? "", "X-CSRF-Token": opened.body["csrf"]?.stringValue ?? ""]
            #expect(try await ask(gateway, "POST", "events/replay", fields, event).status == 403)
            let events = gateway.platform.audited.take().filter { $0.operation == "console" }
            #expect(events.map(\.kind) == [.read, .refused], "\(events)")
        }
    }

    @Test("a page of another site cannot act in demo mode: it needs a field that it may not send")
    func demo() async throws {
        try await TestPlatform().serving(tracer: BoundedTracer()) { gateway in
            let event = #"{"publisher":"booking","subscriber":"vendor","position":1}"#
            #expect(try await ask(gateway, "POST", "events/replay", [:], event).status == 403)
            let crossed = ["X-CSRF-Token": "demo", "Sec-Fetch-Site": "cross-site"]
            #expect(try await ask(gateway, "POST", "events/replay", crossed, event).status == 401)
            let acted = try await ask(gateway, "POST", "events/replay", ["X-CSRF-Token": "demo"], event)
            #expect(acted.status == 404, "\(acted.text)")
            let bad = try await ask(gateway, "POST", "events/replay", ["X-CSRF-Token": "demo"], "{}")
            #expect(bad.status == 400)
        }
    }

    @Test("sessions are few and end, and the link of the start does too")
    func ends() {
        let clock = LockedBox<ContinuousClock.Instant>(.now)
        let sessions = ConsoleSessions(token: "once", now: { clock.value.withLock { $0 } })
        let first = sessions.open(.ops, account: 1)
        #expect(sessions[first.id]?.role == .ops && sessions["other"] == nil)
        let other = sessions.open(.ops, account: 2)
        // One account displaces its own.
        for _ in 0..<ConsoleSessions.most { _ = sessions.open(.ops, account: 1) }
        #expect(sessions[first.id] == nil && sessions[other.id] != nil)
        for account in 3...(2 + ConsoleSessions.most) { _ = sessions.open(.ops, account: account) }
        #expect(sessions[other.id] == nil)
        let last = sessions.open(.admin, account: nil)
        clock.value.withLock { $0 += ConsoleSessions.tokenAge }
        #expect(sessions.open(token: "once") == nil && sessions[last.id] != nil)
        clock.value.withLock { $0 += ConsoleSessions.age }
        #expect(sessions[last.id] == nil)
    }
}

extension String {
    fileprivate func components(after mark: String) -> String {
        range(of: mark).map { String(self[$0.upperBound...]) } ?? ""
    }

    private func range(of mark: String) -> Range<String.Index>? { firstRange(of: mark) }
}
