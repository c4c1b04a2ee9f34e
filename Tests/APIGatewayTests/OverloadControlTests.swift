import Foundation
import NIOCore
import Rookery
import Testing

@testable import APIGateway

@Suite("What becomes of requests when there are too many")
struct OverloadControlTests {
    private static let late = Duration.milliseconds(3)

    /// Lets time pass in which so many requests come in each window and so many are answered; gives how many were refused.
    @discardableResult
    private func pass(
        _ time: Duration, came: Int, answered: Int, late: Duration = late, hasJobsLeft: Bool = false,
        from peer: String = "10.0.0.1",
        _ control: inout OverloadControl
    ) -> Int {
        var refused = 0
        for _ in 0..<Int(time / OverloadControl.window) {
            for _ in 0..<came where !control.came(from: peer) { refused += 1 }
            for _ in 0..<min(answered, control.inFlight) { control.answered(peer) }
            control.windowEnded(late: late, hasJobsLeft: hasJobsLeft)
        }
        return refused
    }

    @Test("more come than are answered, for longer than a moment: as many stay under way as are answered in 20 ms")
    func overload() {
        var control = OverloadControl()
        // 10 000 a second come, and half of them can be answered.
        #expect(pass(.milliseconds(160), came: 200, answered: 100, &control) == 0)
        #expect(control.limit == nil)
        pass(.seconds(2), came: 200, answered: 100, &control)
        #expect(control.limit == 100)
        #expect(control.inFlight <= 100)
        let refused = pass(.seconds(1), came: 200, answered: 100, &control)
        #expect(refused == 5000)
    }

    @Test("a loop that always has jobs left is behind, though its timers fire in time")
    func jobsLeft() {
        var control = OverloadControl()
        pass(.seconds(2), came: 200, answered: 100, late: .zero, &control)
        #expect(control.limit == nil)
        pass(.seconds(2), came: 200, answered: 100, late: .zero, hasJobsLeft: true, &control)
        #expect(control.limit == 100)
    }

    @Test("a service stands still, and the loop does not: all may wait for it")
    func stall() {
        var control = OverloadControl()
        #expect(pass(.seconds(4), came: 12, answered: 0, late: .zero, &control) == 0)
        #expect(control.inFlight == 2400)
        // What has gathered is worked off at once, faster than more comes.
        #expect(pass(.seconds(1), came: 12, answered: 80, &control) == 0)
        #expect(control.limit == nil)
    }

    @Test("few are under way, and the loop is behind all the same: none is refused")
    func slowLoop() {
        var control = OverloadControl()
        #expect(pass(.seconds(5), came: 10, answered: 10, late: .milliseconds(50), &control) == 0)
    }

    @Test("one client address has its share, and another one that asks for little is let in")
    func shares() throws {
        var control = OverloadControl()
        pass(.seconds(3), came: 200, answered: 100, &control)
        let limit = try #require(control.limit)
        let letIn = (0..<500).reduce(0) { count, _ in control.came(from: "10.0.0.1") ? count + 1 : count }
        #expect(letIn > 0 && control.inFlight == limit)
        let isOtherLetIn = control.came(from: "10.0.0.2")
        #expect(isOtherLetIn)
    }

    @Test("the others are gone: there is no limit again within a fifth of a second")
    func recovery() {
        var control = OverloadControl()
        pass(.seconds(3), came: 200, answered: 100, &control)
        #expect(control.limit != nil)
        pass(.milliseconds(200), came: 20, answered: 100, &control)
        #expect(control.limit == nil)
        #expect(pass(.seconds(2), came: 50, answered: 50, &control) == 0)
    }

    @Test("the limit is never so low that nothing is done")
    func minimum() {
        var control = OverloadControl()
        pass(.seconds(3), came: 40, answered: 1, &control)
        #expect(control.limit == 16)
    }
}

@Suite("The response to a request that is not taken on")
struct OverloadedTests {
    @Test("is a problem with the length that it says, and says when the connection ends")
    func bytes() throws {
        for isLast in [false, true] {
            let parts = String(buffer: Overloaded.bytes(hasBody: true, isLast: isLast)).components(
                separatedBy: "\r\n\r\n")
            #expect(parts.count == 2)
            let problem = try JSONValue(parsing: parts[1])
            #expect(problem["code"] == "OVERLOADED" && problem["status"] == 503)
            #expect(parts[0].contains("\r\nContent-Length: \(parts[1].utf8.count)"))
            #expect(parts[0].contains("\r\nRetry-After: 1") && parts[0].contains("Connection: close") == isLast)
            // Of a HEAD request, the same without its body.
            let head = String(buffer: Overloaded.bytes(hasBody: false, isLast: isLast))
            #expect(head == parts[0] + "\r\n\r\n")
        }
    }
}

@Suite("Bytes that are one whole request")
struct WholeRequestTests {
    private func isWhole(_ text: String) -> Bool { WholeRequest.isWhole(ByteBuffer(string: text)) }

    @Test("are known without parsing them")
    func whole() {
        #expect(isWhole("GET /api/vendors HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(isWhole("GET /a?b=c HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\n\r\n"))
        #expect(isWhole("POST /api/bookings HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:  2\r\n\r\n{}"))
    }

    @Test(
        "are left to the parser when there is any doubt about where the request ends, or what becomes of its connection",
        arguments: [
            "GET /a HTTP/1.1\r\nHost: a\r\n\r", "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}", "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}x",
            "POST /a HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
            "POST /a HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}", "POST /a HTTP/1.1\r\nContent-Length: 2 \r\n\r\n{}",
            "POST /a HTTP/1.1\r\nContent-Length:\r\n\r\n", "POST /a HTTP/1.1\r\nContent-Length : 2\r\n\r\n{}",
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n",
            "GET /a HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", "GET /a HTTP/1.0\r\nHost: a\r\n\r\n",
            "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n", "", "\r\n\r\n",
        ])
    func doubtful(text: String) { #expect(!isWhole(text)) }
}
