import Foundation
import Rookery
import RookeryTesting
import Testing

@Message private struct Kennel {
    /// What it is called.
    @Line(1...60) var name: String
    @InRange(1...200) var places: Int
}

@Contract private protocol KennelAPI: Sendable {
    /// Opens a kennel.
    @MessagePattern(cmd: "open-kennel") func openKennel(_ kennel: Kennel) async throws -> Kennel
}

private struct Kennels: KennelAPI {
    func openKennel(_ kennel: Kennel) async throws -> Kennel { kennel }
}

@Suite("A description in a file")
struct OfflineDescriptionTests {
    private let file = NSTemporaryDirectory() + "description-\(UUID()).json"

    private func written(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }

    @Test("that the contract wrote says what its running service says")
    func same() async throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        try written(KennelAPIContract.descriptor.description(service: "rookery").jsonText)
        let server = try RookeryServer(.init(port: 0), services: KennelAPIContract.service(Kennels()))
        try await withRookeryServer(server) { server in
            let address = "127.0.0.1:\(try await server.listeningAddress.port)"
            for flags in [[], ["--typescript"], ["--json"], ["open-kennel"]] {
                let offline = try await rookery(["describe", file] + flags)
                let online = try await rookery(["describe", address] + flags)
                #expect(offline.code == 0 && offline.output.contains("Kennel") && offline.output == online.output)
            }
            let online = try await rookery("list", address).output
            #expect(try await rookery("list", file).output == online && online.contains("open-kennel"))
        }
        let document = try JSONValue(parsing: try await rookery("describe", file, "--asyncapi").output)
        #expect(document["servers"] == nil && document["channels"]?["openKennel"] != nil)
    }

    @Test("can be read again when rookery wrote it")
    func again() async throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        try written(KennelAPIContract.descriptor.description(service: "kennels").jsonText)
        let output = try await rookery("describe", file, "--json").output
        try written(output)
        #expect(try await rookery("describe", file, "--json").output == output && output.contains("Kennel"))
    }

    @Test(
        "that cannot be used is named, with what is wrong",
        arguments: [
            (
                #"{"rookery":2,"commands":[],"schemas":{}}"#,
                "is a description of version 2; this rookery reads version 1"
            ),
            ("[]", "is no description of a service"),
            ("service: kennels", "is not JSON"),
        ])
    func unusable(text: String, message: String) async throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        try written(text)
        let run = try await rookery("describe", file)
        #expect(run.code == 1 && run.errors.contains("\(file) \(message)"))
    }

    @Test("that does not exist is named")
    func missing() async throws {
        let run = try await rookery("describe", "nowhere.json")
        #expect(run.code == 1 && run.errors.contains("nowhere.json is no HOST:PORT, and no file that can be read"))
    }
}
