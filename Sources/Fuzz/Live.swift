#if !FUZZING
import ArgumentParser
import CommandSupport
import Foundation
import Logging
import NIOCore
import Rookery
import RookeryCore
import RookeryTesting
import RookeryWire

struct Live: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends mutated frames to a running server, and checks that it answers the next good call.",
        discussion: """
            It starts from frames that were recorded from NestJS and from those of the negotiated extension. With the same \
            --seed it sends the same frames.
            """)

    @Option(help: "How many frames to send.")
    var frames = 1_000_000
    @Option(help: "Where the random numbers begin.")
    var seed: UInt64 = 1
    @Option(help: "The folder of the recorded frames.")
    var recordings = "Conformance"

    /// How many frames are sent on one connection at most. Few, because the server reads none after a framing error.
    private static let perConnection = 8
    /// How many connections send at the same time.
    private static let connections = 8

    func run() async throws {
        let seeds = try Self.seeds(recordings)
        let routes: [Route] = [
            .request(Command("echo", pattern: Pattern(cmd: "echo"))) { (value: JSONValue) in value },
            .request(Command("ping", pattern: "ping")) { (value: JSONValue) in value },
            .stream(Command("count", pattern: "count", kind: .stream)) { (last: Int) in
                MessageStream(Array(0..<max(0, min(last, 10))))
            },
        ]
        var configuration = ServerConfiguration(port: 0)
        configuration.limits.frame = 1024 * 1024
        let server = try RookeryServer(configuration, routes: routes, logger: Logger.silent)
        let frames = self.frames
        let seed = self.seed
        let began = ContinuousClock.now
        try await withRookeryServer(server) { server in
            let port = try await server.listeningAddress.port
            let before = Self.memory
            let client = RookeryClient(host: "127.0.0.1", port: port, logger: Logger.silent)
            var sent = 0
            var number: UInt64 = 0
            while sent < frames {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<Self.connections {
                        number += 1
                        let random = SeededRandom(seed &* 1_000_003 &+ number)
                        // Clients of many addresses, because each has only so many ports.
                        let address = "127.0.\(number / 250 % 250).\(2 + number % 250)"
                        group.addTask { try await Self.torture(port, from: address, seeds, random) }
                    }
                    for try await count in group { sent += count }
                }
                // The next good call.
                let reply = try await client.send(Pattern(cmd: "echo"), .int(Int64(sent)))
                guard reply == .int(Int64(sent)) else {
                    throw CommandFailure("the server answered a good call wrongly")
                }
            }
            await client.close()
            // Connections that were closed have given back what they held.
            try await eventually { server.memoryInUse == 0 && server.connectionCount == 0 }
            let seconds = Double((ContinuousClock.now - began).components.seconds)
            let grown = Self.memory.flatMap { now in before.map { now - $0 } }
            Terminal.line(
                "\(sent) frames on \(number) connections in \(Int(seconds)) s; every good call was answered"
                    + (grown.map { "; memory grew by \($0) MiB" } ?? ""))
            if let grown, grown > 256 { throw CommandFailure("memory grew by \(grown) MiB") }
        }
    }

    /// Whole frames: what Nest's clients send, and the frames of the extension.
    private static func seeds(_ folder: String) throws -> [[UInt8]] {
        let files = RecordedFrames(folder: URL(filePath: folder))
        var seeds = try files.recordings("client-frames").compactMap { $0.bytes("bytes") }
        seeds += try files.recordings("malformed").flatMap {
            $0.bytes("bytes").map { [$0] } ?? $0.chunks("chunks") ?? []
        }
        func text(_ text: String) -> [UInt8] { Array("\(text.utf16.count)#\(text)".utf8) }
        let hello = Hello(serializers: ["json", "messagepack"], compressions: ["deflate"]).jsonValue.jsonText
        seeds.append(text(#"{"pattern":"$rookery.hello","data":\#(hello),"id":"h"}"#))
        seeds.append(text(#"{"pattern":"$rookery.health","data":null,"id":"1","metadata":{"traceparent":"x"}}"#))
        for kind in [BinaryHeader.Kind.request, .event, .cancel, .credit, .ping] {
            var writer = ValueWriter()
            var header = BinaryHeader(kind, id: 7)
            header.amount = 1000
            if kind == .request || kind == .event {
                let start = writer.beginBinaryFrame()
                Array("[1,2,3]".utf8).withUnsafeBytes { writer.append($0) }
                writer.endBinaryFrame(start, header)
            } else {
                writer.binaryFrame(header)
            }
            seeds.append(writer.bytes)
        }
        guard seeds.count > 20 else { throw CommandFailure("\(folder) has no recorded frames") }
        return seeds
    }

    /// Sends mutated frames on one connection. Returns how many.
    private static func torture(
        _ port: Int, from address: String, _ seeds: [[UInt8]], _ random: SeededRandom
    ) async throws -> Int {
        var random = random
        var frames: [[UInt8]] = []
        // Every other connection first agrees on binary frames, so that those behind it are read.
        if Bool.random(using: &random) {
            frames.append(seeds[seeds.count - 7])
        }
        let count = Int.random(in: 1...perConnection, using: &random)
        for _ in 0..<count { frames.append(mutated(seeds, &random)) }
        let sent = frames
        do {
            try await RawSocket.connected(to: port, from: address) { socket in
                for frame in sent { try await socket.write(frame) }
                socket.finish()
                _ = await socket.readToEnd()
            }
        } catch is ChannelError {
            // The server closed the connection before the last frame, as it should after a framing error.
        } catch is IOError {
            // The same, seen as a reset.
        }
        return sent.count
    }

    /// One of the frames, with some bytes changed, cut out, repeated or inserted.
    private static func mutated(_ seeds: [[UInt8]], _ random: inout SeededRandom) -> [UInt8] {
        var frame = seeds.randomElement(using: &random) ?? []
        // Most frames stay whole, so that a connection lives for a while.
        for _ in 0..<Int.random(in: 0...2, using: &random) where !frame.isEmpty {
            let at = Int.random(in: 0..<frame.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: frame[at] = UInt8.random(in: .min ... .max, using: &random)
            case 1: frame[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: frame.removeSubrange(at..<min(frame.count, at + Int.random(in: 1...8, using: &random)))
            case 3: frame.insert(contentsOf: frame[at..<min(frame.count, at + 16)], at: at)
            default:
                let interesting: [[UInt8]] = [
                    Array("99999999".utf8), Array("\\ud800".utf8), [0xFF, 0xFE], [0x80, 0, 0, 0],
                    Array("[[[[[[[[".utf8),
                    Array("null".utf8), Array("1e999".utf8),
                ]
                frame.insert(contentsOf: interesting.randomElement(using: &random) ?? [], at: at)
            }
        }
        return frame
    }

    /// The memory of the process in MiB. Nil on systems without `/proc`.
    private static var memory: Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        return status.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4 / 1024 }
    }
}

extension Logger {
    /// Discards every line.
    fileprivate static let silent = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
}
#endif
