import Foundation
import PetProTesting
import Rookery
import RookeryTesting

/// Attacks that reach the services' own ports.
extension Attack {
    /// Sends 128 requests for large replies in one write, to the gateway, and to Vendor without a service key. Half of the peers
    /// do not read.
    static let pipelinedReplies = Attack("128 pipelined large replies", atLeast: 4) { victim, tally in
        let description = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", count: 128)
        let vendors = listVendors(128)
        await crowd(4) { number in
            let isHTTP = number.isMultiple(of: 2)
            tally.count(isHTTP ? "over HTTP" : "over TCP")
            try await pipeline(
                isHTTP ? description : vendors, to: isHTTP ? victim.port : victim.servicePorts[2],
                from: address(4, number), reads: number % 4 < 2)
        }
    }

    /// Does the same at Vendor with the gateway's service key, so that the replies are made.
    static let pipelinedByService = Attack("128 pipelined with a service key", atLeast: 4, p99: 3) { victim, tally in
        let vendors = listVendors(128, try metadata(of: victim))
        await crowd(4) { number in
            tally.count("sent")
            try await pipeline(
                vendors, to: victim.servicePorts[2], from: address(7, number), reads: number.isMultiple(of: 2))
        }
    }

    /// Sends a text on a connection of its own, and reads the first MiB of the answers or nothing.
    private static func pipeline(_ text: String, to port: Int, from address: String, reads: Bool) async throws {
        if reads {
            try await RawSocket.connected(to: port, from: address) { socket in
                try await socket.write(text)
                _ = try await socket.read(1 << 20)
            }
        } else {
            try await SilentSocket.connected(to: port, from: address) { socket in
                socket.write(text)
                try await Task.sleep(for: .seconds(2))
            }
        }
    }

    /// Sends frames of almost 8 MiB, and frames just below PetPro's own limit of 2 MiB. A pattern, a hello or metadata
    /// fills each frame. Also sends deeply nested patterns, and large data and metadata of a peer with a service key.
    static let hugeFrames = Attack("8 MiB patterns, hellos, metadata", atLeast: 16) { victim, tally in
        let key = try metadata(of: victim)
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
                    frame(#"{"pattern":{"cmd":"list-vendors"},"data":{"city":"\#(huge)"},\#(key),"id":"1"}"#),
                    frame(#"{"pattern":{"cmd":"list-vendors"},"data":{},\#(key.dropLast()),"a":"\#(huge)"},"id":"1"}"#),
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

    /// 64 peers send requests without end and never read an answer, over HTTP, and over TCP with and without a service key.
    static let neverReads = Attack("peers that never read", atLeast: 64) { victim, tally in
        let http = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", count: 16)
        let wire = [listVendors(16, try metadata(of: victim)), listVendors(16)]
        await crowd(64) { number in
            let isHTTP = number.isMultiple(of: 2)
            let port = isHTTP ? victim.port : victim.servicePorts[number / 2 % 4]
            try await SilentSocket.connected(to: port, from: address(6, number)) { socket in
                tally.count(isHTTP ? "over HTTP" : number % 4 == 1 ? "over TCP, with a key" : "over TCP")
                for _ in 0..<100 {
                    socket.write(isHTTP ? http : wire[number % 4 == 1 ? 0 : 1])
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
        }
    }

    /// Requests for large replies, as frames.
    private static func listVendors(_ count: Int, _ metadata: String? = nil) -> String {
        let more = metadata.map { ", \($0)" } ?? ""
        return (0..<count).map {
            frame(#"{"pattern":{"cmd":"list-vendors"},"data":{"limit":100}\#(more),"id":"\#($0)"}"#)
        }.joined()
    }

    /// The field of a message that shows the gateway's service key.
    private static func metadata(of victim: PlatformProcess) throws -> String {
        let key = try String(contentsOfFile: "\(victim.data)/keys/gateway.key", encoding: .utf8)
        return #""metadata":{"apiKey":"\#(key.trimmingCharacters(in: .whitespacesAndNewlines))"}"#
    }

    /// A frame of the wire: the length in UTF-16 units, `#`, and the text.
    private static func frame(_ text: String) -> String { "\(text.utf16.count)#\(text)" }
}
