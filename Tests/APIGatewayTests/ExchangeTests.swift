import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing

@testable import APIGateway

@Suite("A connection's course")
struct ExchangeTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    private static func head(_ headers: HTTPHeaders = ["host": "a"]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
    }

    @Test("has a deadline in each phase that its client could draw out, and none while it waits for us")
    func deadlines() {
        var exchange = HTTPExchange(HTTPLimits(), at: Self.start)
        #expect(exchange.phase == .idle && exchange.deadline == Self.at(10))
        // The first head's time runs from the connection's first moment, whenever its first byte comes.
        exchange.bytesCame(at: Self.at(9))
        #expect(exchange.phase == .head && exchange.deadline == Self.at(10))
        guard case .take(tellContinue: false) = exchange.headCame(Self.head(), at: Self.at(9)) else {
            Issue.record("refused")
            return
        }
        #expect(exchange.phase == .body && exchange.deadline == Self.at(39))
        exchange.requestEnded(at: Self.at(20))
        #expect(exchange.phase == .responding && exchange.deadline == nil)
        exchange.writes(100, at: Self.at(50))
        exchange.writes(100, at: Self.at(60))
        #expect(exchange.deadline == Self.at(80), "a client that takes nothing gains no time by being sent more")
        exchange.wrote(100, at: Self.at(70))
        #expect(exchange.deadline == Self.at(100))
        exchange.wrote(100, at: Self.at(71))
        #expect(exchange.deadline == nil)
        let goesOn = exchange.responseEnded(at: Self.at(71))
        #expect(goesOn)
        #expect(exchange.phase == .idle && exchange.deadline == Self.at(131))
        exchange.bytesCame(at: Self.at(100))
        #expect(exchange.deadline == Self.at(110))
        exchange.bytesCame(at: Self.at(109))
        #expect(exchange.deadline == Self.at(110), "a byte now and then does not make it longer")
    }

    @Test("counts a body as it comes, and refuses it at its first byte too many")
    func bodies() {
        var limits = HTTPLimits()
        limits.body = 10
        var exchange = HTTPExchange(limits, at: Self.start)
        _ = exchange.headCame(Self.head(), at: Self.start)
        let (fits, isTooMuch) = (exchange.bodyCame(10), exchange.bodyCame(1))
        #expect(fits == nil && isTooMuch?.status.code == 413)
    }

    @Test("is at an end when it stops, unless it is answering")
    func stops() {
        func isOver(_ exchange: HTTPExchange) -> Bool {
            var exchange = exchange
            return exchange.stop()
        }
        var exchange = HTTPExchange(HTTPLimits(), at: Self.start)
        #expect(isOver(exchange))
        _ = exchange.headCame(Self.head(), at: Self.start)
        #expect(isOver(exchange), "half a request is none")
        exchange.requestEnded(at: Self.start)
        #expect(!isOver(exchange))
        _ = exchange.stop()
        let goesOn = exchange.responseEnded(at: Self.start)
        #expect(!goesOn && exchange.phase == .lingering)
        #expect(exchange.deadline == Self.at(1))
    }

    @Test("is not kept after a request that says so, or that asks for another protocol")
    func keepsAlive() {
        let table: [(HTTPRequestHead, Bool)] = [
            (Self.head(), true), (Self.head(["host": "a", "connection": "close"]), false),
            (Self.head(["host": "a", "upgrade": "websocket"]), false),
            (HTTPRequestHead(version: .http1_0, method: .GET, uri: "/", headers: [:]), false),
            (HTTPRequestHead(version: .http1_1, method: .CONNECT, uri: "a:1", headers: ["host": "a"]), false),
        ]
        for (head, keeps) in table { #expect(HeadCheck.keepsAlive(head) == keeps, "\(head)") }
    }
}
