import Foundation
import NIOCore
import Rookery
import RookeryTesting
import Testing

private func bodies(_ bytes: [UInt8]) throws -> [String] {
    var decoder = FrameDecoder()
    decoder.append(ByteBuffer(bytes: bytes))
    var bodies: [String] = []
    while let body = try decoder.next() { bodies.append(String(buffer: body)) }
    return bodies
}

private let recorded = RecordedFrames(
    folder: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Conformance"))

/// A value that must be there; unlike the macro it can stand inside another.
private func need<Value>(_ value: Value?) throws -> Value { try #require(value) }

/// `rookery conformance`, running, on a free port.
func withConformanceServer<Result: Sendable>(_ body: (Int) async throws -> Result) async throws -> Result {
    let program = try await RunningProgram(RunningProgram.url("rookery"), ["conformance", "--listen", "127.0.0.1:0"])
    // Not SIGTERM: its handler that never answers would be waited for.
    defer { program.send(SIGKILL) }
    let line = try need(await program.line("listening "))
    return try await body(try need(line.split(separator: ":").last.flatMap { Int($0) }))
}

@Suite("A live server, against the recorded frames", .serialized)
struct ServerConformanceTests {
    /// Nest puts an undefined value on the wire as a packet that its own client misunderstands; we send null. Strings that
    /// read as JSON reach the handlers of those strings, as they do with Nest from 12.4 on.
    private static let differs = [
        "pattern-null-word": [#"{"response":"string-null","isDisposed":true,"id":"id-000000000000000001"}"#],
        "pattern-1e3": [#"{"response":"string-1e3","isDisposed":true,"id":"id-000000000000000001"}"#],
        "stream-undefined-values": [
            #"{"response":1,"id":"id-000000000000000001"}"#, #"{"response":null,"id":"id-000000000000000001"}"#,
            #"{"response":null,"id":"id-000000000000000001"}"#,
            #"{"response":2,"isDisposed":true,"id":"id-000000000000000001"}"#,
        ],
    ]

    @Test("answers every recorded request byte for byte")
    func recordedRequests() async throws {
        try await withConformanceServer { port in
            for recording in try recorded.recordings("server-frames") {
                let chunks = try need(recording.chunks("request_chunks") ?? recording.bytes("request").map { [$0] })
                let expected = try need(recording.bytes("bytes"))
                let differing = Self.differs[recording.name]
                let wanted = differing.map { $0.reduce(0) { $0 + $1.utf8.count + 3 } } ?? expected.count
                let received = try await RawSocket.connected(to: port) { socket in
                    for chunk in chunks { try await socket.write(chunk) }
                    if wanted == 0 {
                        // Silence is proved by an answer to what comes after it.
                        try await socket.write("40#{\"pattern\":\"echo\",\"data\":1,\"id\":\"probe\"}")
                        return try await socket.read(45)
                    }
                    return try await socket.read(wanted)
                }
                if wanted == 0 {
                    #expect(
                        try bodies(received) == [#"{"response":1,"isDisposed":true,"id":"probe"}"#], "\(recording.name)"
                    )
                } else if let differing {
                    #expect(try bodies(received) == differing, "\(recording.name)")
                } else if recording.name == "stream-and-echo" {
                    // Answers to different requests may come in any order; those to one may not.
                    func answers(_ id: String) throws -> [[String]] {
                        try [expected, received].map { try bodies($0).filter { $0.hasSuffix("\"id\":\"\(id)\"}") } }
                    }
                    #expect(try answers("s")[0] == answers("s")[1] && answers("e")[0] == answers("e")[1])
                } else {
                    #expect(received == expected, "\(recording.name)")
                }
            }
        }
    }

    /// What a server must do with malformed input: the good frames before it are answered, then it closes.
    @Test("answers what came before a bad frame, runs nothing after it, and closes")
    func malformed() async throws {
        let stricter: Set = [
            "length-trailing-space", "length-leading-bom", "length-leading-nbsp", "length-plus-sign",
            "length-trailing-underscore", "length-trailing-comma", "no-hash-json", "tls-client-hello",
        ]
        let answered = [
            "valid-then-bad-same-segment": [#"{"response":"ok","isDisposed":true,"id":"1"}"#],
            "slow-then-bad": [#"{"response":"slow","isDisposed":true,"id":"sl"}"#],
        ]
        try await withConformanceServer { port in
            for recording in try recorded.recordings("malformed") {
                let behaviour = recording.json["nest_behaviour"]?.stringValue ?? ""
                guard recording.json["direction"]?.stringValue == "client to server",
                    !recording.name.hasPrefix("oversize"), !recording.name.hasPrefix("tiny"),
                    !recording.name.hasPrefix("response-not")
                else { continue }
                let chunks = try need(recording.chunks("chunks") ?? recording.bytes("bytes").map { [$0] })
                let closes = stricter.contains(recording.name) || behaviour.contains("closed")
                let expected =
                    try answered[recording.name]
                    ?? (stricter.contains(recording.name) ? [] : bodies(recording.bytes("response") ?? []))
                let received = try await RawSocket.connected(to: port) { socket in
                    for chunk in chunks {
                        // The server may have closed already.
                        try? await socket.write(chunk)
                    }
                    if closes { return await socket.readToEnd() }
                    if behaviour.contains("waits") { return [] }
                    try await socket.write("40#{\"pattern\":\"echo\",\"data\":1,\"id\":\"probe\"}")
                    let count = (recording.bytes("response")?.count ?? 0) + 48
                    return Array(try await socket.read(count).dropLast(48))
                }
                #expect(try bodies(received) == expected, "\(recording.name)")
            }
        }
    }

    /// What our handlers see of metadata: the members that are strings.
    private static let metadata = [
        "metadata-string": "null", "metadata-array": "null", "metadata-nested": "null", "metadata-false": "null",
        "metadata-proto": #"{"a":"b"}"#,
    ]

    @Test("answers what a Nest 12 client sends, whatever metadata it is")
    func nest12Metadata() async throws {
        try await withConformanceServer { port in
            for recording in try recorded.recordings("nest-12/server-frames")
            where recording.name.hasPrefix("metadata") && recording.name != "metadata-on-event" {
                var expected = try bodies(try need(recording.bytes("bytes")))
                if let metadata = Self.metadata[recording.name] {
                    expected = [
                        #"{"response":{"data":1,"metadata":\#(metadata)},"isDisposed":true,"id":"id-000000000000000001"}"#
                    ]
                }
                let wanted = try need(expected.first).utf8.count
                let received = try await RawSocket.connected(to: port) { socket in
                    try await socket.write(try need(recording.bytes("request")))
                    return try await socket.read(wanted + "\(wanted)#".utf8.count)
                }
                #expect(try bodies(received) == expected, "\(recording.name)")
            }
        }
    }

    @Test("reaches handlers whose string pattern reads as JSON, as Nest does from 12.4 on")
    func nest12Patterns() async throws {
        for recording in try recorded.recordings("nest-12/server-frames") {
            guard let pattern = recording.json["handlers"]?.arrayValue?.first?.stringValue else { continue }
            let newest = recording.json["nest_12_4"]?["bytes"]?.stringValue.flatMap { Data(base64Encoded: $0) }
            let expected = try newest.map(Array.init) ?? need(recording.bytes("bytes"))
            let server = try RookeryServer(
                ServerConfiguration(port: 0),
                routes: [.raw(Pattern(pattern)) { _ in "string \(pattern)" }])
            let received = try await server.running { address in
                try await RawSocket.connected(to: try need(address.port)) { socket in
                    try await socket.write(try need(recording.bytes("request")))
                    return try await socket.read(expected.count)
                }
            }
            #expect(received == expected, "\(recording.name)")
        }
    }

    @Test("adds nothing to an answer that a Nest 12 client would take for the value, and nothing behind it")
    func onlyKnownKeys() async throws {
        let known: Set = ["id", "err", "response", "isDisposed", "status"]
        try await withConformanceServer { port in
            var seen = 0
            for recording in try recorded.recordings("server-frames") {
                guard let request = recording.bytes("request"), recording.bytes("bytes")?.isEmpty == false else {
                    continue
                }
                let received = try await RawSocket.connected(to: port) { socket in
                    try await socket.write(request)
                    socket.finish()
                    return await socket.readToEnd()
                }
                var decoder = FrameDecoder()
                decoder.append(ByteBuffer(bytes: received))
                var lengths = 0
                while let body = try decoder.next() {
                    guard case .object(let packet) = try JSONValue(parsing: body.readableBytesView) else {
                        Issue.record("\(recording.name) is answered with no object")
                        continue
                    }
                    for (key, _) in packet { #expect(known.contains(key), "\(recording.name)") }
                    lengths += body.readableBytes + "\(String(buffer: body).utf16.count)#".utf8.count
                    seen += 1
                }
                // Frames, and nothing in between or behind: a byte of white space starts its timer of half a frame.
                #expect(lengths == received.count, "\(recording.name)")
            }
            #expect(seen > 60)
        }
    }

    @Test("answers through a contract, in the order of its declaration")
    func typed() async throws {
        try await withConformanceServer { port in
            let reply = try await RookeryClient(host: "127.0.0.1", port: port).send(
                Pattern(cmd: "get-booking"), ["id": 5])
            #expect(
                reply?.jsonText
                    == #"{"id":5,"status":"confirmed","petName":"Zofie","vendorId":7,"#
                    + #""startsAt":"2026-01-01T10:00:00.000Z","total":42.5,"notes":null}"#)
        }
    }
}
