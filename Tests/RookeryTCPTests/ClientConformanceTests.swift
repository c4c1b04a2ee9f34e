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

@Suite("A client, against a scripted peer")
struct ClientConformanceTests {
    /// The frames were recorded with other ids; the client's first call has the id "1".
    private func retold(_ recording: RecordedFrames.Recording) throws -> [UInt8] {
        let bytes = try need(recording.bytes("bytes"))
        let id = try need(recording.json["id"]?.stringValue)
        var retold: [UInt8] = []
        guard let bodies = try? bodies(bytes) else { return bytes }
        for body in bodies {
            let text = Array(body.replacing(id, with: "1").utf8)
            retold += Array("\(String(decoding: text, as: UTF8.self).utf16.count)#".utf8) + text
        }
        return retold
    }

    @Test("understands what a Nest client understood")
    func recordedReplies() async throws {
        for recording in try recorded.recordings("malformed") {
            guard recording.json["direction"]?.stringValue == "server to client" else { continue }
            let answer = try retold(recording)
            let id = recording.json["id"]?.stringValue ?? ""
            let expected = (recording.json["client_values"]?.arrayValue ?? []).map {
                $0.jsonText.replacing(id, with: "1")
            }
            let behaviour = recording.json["nest_behaviour"]?.stringValue ?? ""
            let isBroken = ["client-corrupt-length", "client-bad-json"].contains(recording.name)
            try await ScriptedPeer.running({ _ in .write(answer) }) { peer in
                var values: [String] = []
                var failure: (any Error)?
                do {
                    // Only those that stay silent wait for it.
                    let timeout: Duration = behaviour.contains("pending") ? .milliseconds(200) : .seconds(20)
                    let stream = try await plainClient(peer.port).with { $0.timeout = timeout }.stream("p", 1)
                    for try await value in stream { values.append((value ?? .null).jsonText) }
                } catch {
                    failure = error
                }
                #expect(values == expected, "\(recording.name)")
                if isBroken {
                    #expect((failure as? CallError)?.code == .connectionLost, "\(recording.name)")
                } else if behaviour.contains("error") {
                    #expect(failure is RemoteError || (failure as? CallError)?.code == .noHandler, "\(recording.name)")
                } else if behaviour.contains("pending") {
                    #expect((failure as? CallError)?.code == .streamTimeout, "\(recording.name)")
                } else {
                    #expect(failure == nil, "\(recording.name): \(String(describing: failure))")
                }
            }
        }
    }

    @Test("fails every pending call at once when a frame is broken")
    func brokenFrame() async throws {
        try await ScriptedPeer.running({ received in
            received.count { $0 == UInt8(ascii: "#") } == 3 ? .write(Array("4#{bad".utf8)) : .silence
        }) { peer in
            let client = plainClient(peer.port)
            await withTaskGroup(of: CallError.Code?.self) { group in
                for number in 0..<3 {
                    group.addTask {
                        do {
                            _ = try await client.with { $0.timeout = .seconds(30) }.send("p", .int(Int64(number)))
                            return nil
                        } catch {
                            return (error as? CallError)?.code
                        }
                    }
                }
                for await code in group { #expect(code == .connectionLost) }
            }
        }
    }
}
