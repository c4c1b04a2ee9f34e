import Rookery
import RookeryCore
import RookeryTesting
import RookeryWire
import Testing

@Suite("Frames of client streams", .serialized, .timeLimit(.minutes(1)))
struct ClientStreamFrameTests {
    private func frame(
        _ kind: BinaryHeader.Kind, _ id: UInt64, _ payload: String, pattern: UInt16 = 0, flags: BinaryHeader.Flags = []
    )
        -> [UInt8]
    {
        var header = BinaryHeader(kind, id: id)
        header.flags = flags
        header.pattern = pattern
        var writer = ValueWriter()
        let start = writer.beginBinaryFrame()
        Array(payload.utf8).withUnsafeBytes { writer.append($0) }
        writer.endBinaryFrame(start, header)
        return writer.bytes
    }

    /// Runs `body` with a connection that has agreed on binary frames, and the length of the agreement.
    private func withFrames(
        _ meters: Meters, server: (inout ServerConfiguration) -> Void = { _ in },
        _ body: @Sendable @escaping (inout RawSocket, Int) async throws -> Void
    ) async throws {
        try await withServer(MetersAPIContract.service(meters).routes, server) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                let hello = Hello(serializers: ["json"], compressions: []).jsonValue.jsonText
                let packet = #"{"pattern":"$rookery.hello","data":\#(hello),"id":"h"}"#
                try await socket.write("\(packet.utf8.count)#\(packet)")
                let digits = try need(
                    String(decoding: try await socket.read(5), as: UTF8.self).split(separator: "#").first)
                let agreed = digits.count + 1 + (try need(Int(digits)))
                _ = try await socket.read(agreed)
                try await body(&socket, agreed)
            }
        }
    }

    @Test("beyond their credit end the stream, and what follows is dropped")
    func credit() async throws {
        let gate = Gate()
        try await withFrames(Meters(gate: gate)) { socket, agreed in
            var bytes = frame(.request, 7, #"{"id":1}"#, flags: .clientStream)
            for _ in 0..<40 { bytes += frame(.value, 7, #"{"count":1}"#) }
            bytes += frame(.end, 7, "")
            try await socket.write(bytes)
            await gate.arrived(1)
            await gate.open()
            let answer = try await socket.read(agreed + 24 * 3)
            let text = String(decoding: answer[agreed...], as: UTF8.self)
            #expect(answer[agreed] == 0x85)
            #expect(text.contains("more values than it had credit for"), "\(text)")
        }
    }

    @Test("with an id that is in use, or a payload that is none, end the connection")
    func framing() async throws {
        try await withFrames(Meters()) { socket, agreed in
            let open = frame(.request, 7, #"{"id":1}"#, flags: .clientStream)
            try await socket.write(open + open)
            #expect(await socket.readToEnd().count == agreed)
        }
        try await withFrames(Meters()) { socket, agreed in
            let open = frame(.request, 7, #"{"id":1}"#, flags: .clientStream)
            try await socket.write(open + frame(.value, 7, "x", flags: .compressed))
            #expect(await socket.readToEnd().count == agreed)
        }
    }

    @Test("leave nothing behind: of events, of health requests, of calls that are cancelled before they begin")
    func nothingLeft() async throws {
        let service = Meters()
        try await withFrames(service) { socket, agreed in
            var bytes: [UInt8] = []
            // An event has no id to send values with.
            for id in 0..<100 { bytes += frame(.event, UInt64(id), #"{"id":1}"#, flags: .clientStream) }
            // The fifth pattern is the description's, the sixth that of health.
            bytes += frame(.request, 200, "{}", pattern: 5, flags: .clientStream)
            bytes += frame(.request, 201, #"{"id":1}"#, flags: .clientStream) + frame(.cancel, 201, "")
            bytes += frame(.ping, 300, "")
            try await socket.write(bytes)
            let refusal = String(
                decoding: try await socket.read(
                    agreed + 24 + 24 + RemoteError.unwantedClientStream.payload.jsonText.utf8.count)[agreed...],
                as: UTF8.self)
            #expect(refusal.contains("takes no client stream"), "\(refusal)")
        }
        #expect(service.received.value == 0)
    }

    @Test("that stop coming end their call after the time that a connection may be idle")
    func silent() async throws {
        let service = Meters()
        try await withFrames(service, server: { $0.limits.idle = .milliseconds(50) }) { socket, agreed in
            try await socket.write(
                frame(.request, 7, #"{"id":1}"#, flags: .clientStream) + frame(.value, 7, #"{"count":1}"#))
            let answer = String(decoding: try await socket.read(agreed + 60)[agreed...], as: UTF8.self)
            #expect(answer.contains("DEADLINE_EXCEEDED"), "\(answer)")
        }
        #expect(service.received.value == 1)
    }
}
