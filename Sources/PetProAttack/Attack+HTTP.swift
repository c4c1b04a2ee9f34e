import Foundation
import PetProTesting
import Rookery
import RookeryTesting

extension Attack {
    /// 300 clients at 250 addresses sign in at once, each to an account of its own and with a wrong password that the platform
    /// must hash. The accounts do not exist, which costs the platform as much.
    ///
    /// Each client tries again 250 ms after an answer.
    static let logins = Attack("300 logins", atLeast: 300) { victim, tally in
        await crowd(300) { number in
            let body = #"{"email":"maya\#(number)@petpro.example","password":"wrong \#(number)"}"#
            let request =
                "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            try await ask(victim.port, from: address(1, number), request, tally)
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    /// The time in which the clients of a large attack start.
    private static let arrival: Duration = .seconds(2)

    /// 2 000 connections send a request at one byte per second. Half of them send a whole head first.
    static let slowClients = Attack("2000 slow clients", atLeast: 1000) { victim, tally in
        await crowd(2000, within: arrival) { number in
            try await RawSocket.connected(to: victim.port, from: address(2, number)) { socket in
                tally.count("connected")
                let head = "POST /api/auth/login HTTP/1.1\r\nHost: a\r\n"
                try await socket.write(
                    number.isMultiple(of: 2) ? "POST /api" : head + "Content-Length: 1000\r\n\r\n{")
                while !Task.isCancelled {
                    try await Task.sleep(for: .seconds(1))
                    try await socket.write("a")
                }
            }
        }
    }

    /// 2 000 clients open streams of stock, of existing and of missing vendors and products.
    static let streams = Attack("2000 streams", atLeast: 1000) { victim, tally in
        await crowd(2000, within: arrival) { number in
            let path =
                number.isMultiple(of: 2)
                ? "/api/inventory/stream?vendorId=\(1 + number % 500)"
                : "/api/products/\(9001 + number % 20)/inventory/stream"
            try await RawSocket.connected(to: victim.port, from: address(3, number)) { socket in
                try await socket.write("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                let status = Attack.status(try await socket.read(12))
                tally.count(status)
                // Holds a stream open for up to an hour. Tries again 2 s after any other answer.
                try await Task.sleep(for: status == "200" ? .seconds(3600) : .seconds(2))
            }
        }
    }

    /// Sends a request on a connection of its own and counts the status of the answer.
    static func ask(_ port: Int, from address: String, _ request: String, _ tally: Tally) async throws {
        let answer = try await RawSocket.connected(to: port, from: address) { socket in
            try await socket.write(request)
            return await socket.readToEnd()
        }
        tally.count(status(answer))
    }

    /// Returns the status code of an answer, or `closed` without one.
    static func status(_ answer: [UInt8]) -> String {
        answer.count < 12 ? "closed" : String(decoding: answer[9..<12], as: UTF8.self)
    }
}
