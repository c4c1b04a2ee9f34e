import Foundation
import PetProTesting
import Rookery
import RookeryTesting

/// Attacks that reach the services' own ports.
extension Attack {
    /// Sends 128 requests for large replies in one write, to Vendor and to the gateway. Half of the peers do not read.
    static let pipelinedReplies = Attack("128 pipelined large replies", atLeast: 4) { victim, tally in
        let description = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", count: 128)
        let vendors = (0..<128).map { frame(#"{"pattern":{"cmd":"list-vendors"},"data":{"limit":100},"id":"\#($0)"}"#) }
            .joined()
        await crowd(4) { number in
            let isHTTP = number.isMultiple(of: 2)
            let port = isHTTP ? victim.port : victim.servicePorts[2]
            let text = isHTTP ? description : vendors
            tally.count(isHTTP ? "over HTTP" : "over TCP")
            if number % 4 < 2 {
                try await RawSocket.connected(to: port, from: address(4, number)) { socket in
                    try await socket.write(text)
                    _ = try await socket.read(1 << 20)
                }
            } else {
                try await SilentSocket.connected(to: port, from: address(4, number)) { socket in
                    socket.write(text)
                    try await Task.sleep(for: .seconds(2))
                }
            }
        }
    }

    /// Sends frames of almost 8 MiB, and frames just below PetPro's own limit of 2 MiB. A pattern, a hello or metadata
    /// fills each frame. Also sends deeply nested patterns.
    static let hugeFrames = Attack("8 MiB patterns, hellos, metadata", atLeast: 16) { victim, tally in
        let deep = 20_000
        let nested = frame(
            #"{"pattern":"# + String(repeating: #"{"a":"#, count: deep) + "1" + String(repeating: "}", count: deep)
                + #","data":1,"id":"1"}"#)
        let frames =
            [nested]
            + [2, 8].flatMap { mebibytes in
                let size = mebibytes * 1024 * 1024 - 200
                let huge = String(repeating: "x", count: size)
                return [
                    frame(#"{"pattern":"\#(huge)","data":1,"id":"1"}"#),
                    frame(#"{"pattern":{"cmd":"\#(huge)"},"data":1,"id":"1"}"#),
                    frame(#"{"pattern":"$rookery.hello","data":{"version":1,"features":["\#(huge)"]},"id":"1"}"#),
                    frame(#"{"pattern":{"cmd":"list-vendors"},"data":{},"metadata":{"a":"\#(huge)"},"id":"1"}"#),
                    frame(#"{"pattern":"# + String(repeating: "[", count: size)),
                ]
            }
        await crowd(8) { number in
            for (kind, frame) in frames.enumerated() {
                let port = victim.servicePorts[(number + kind) % 4]
                let answer = try await RawSocket.connected(to: port, from: address(5, number)) { socket in
                    try await socket.write(frame)
                    return try await socket.read(1)
                }
                tally.count(answer.isEmpty ? "closed" : "answered")
            }
        }
    }

    /// 64 peers send requests without end and never read an answer, over HTTP and TCP.
    static let neverReads = Attack("peers that never read", atLeast: 64) { victim, tally in
        let http = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", count: 16)
        let wire = (0..<16).map { frame(#"{"pattern":{"cmd":"list-vendors"},"data":{"limit":100},"id":"\#($0)"}"#) }
            .joined()
        await crowd(64) { number in
            let isHTTP = number.isMultiple(of: 2)
            let port = isHTTP ? victim.port : victim.servicePorts[number / 2 % 4]
            try await SilentSocket.connected(to: port, from: address(6, number)) { socket in
                tally.count(isHTTP ? "over HTTP" : "over TCP")
                for _ in 0..<100 {
                    socket.write(isHTTP ? http : wire)
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
        }
    }

    /// A frame of the wire: the length in UTF-16 units, `#`, and the text.
    private static func frame(_ text: String) -> String { "\(text.utf16.count)#\(text)" }
}
