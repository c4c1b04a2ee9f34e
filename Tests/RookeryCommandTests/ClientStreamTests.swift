import Foundation
import Rookery
import RookeryTesting
import Testing

@Message private struct Line: Hashable {
    @InRange(1...) var number: Int
}

@Contract private protocol LinesAPI: Sendable {
    /// Adds lines up.
    @MessagePattern(cmd: "add") func add(_ lines: MessageStream<Line>) async throws -> Int
    @StreamPattern(cmd: "double") func double(_ lines: MessageStream<Line>) async throws -> MessageStream<Line>
    @MessagePattern(cmd: "none", .safe) func none() async throws
}

private struct Lines: LinesAPI {
    func add(_ lines: MessageStream<Line>) async throws -> Int {
        var sum = 0
        for try await line in lines { sum += line.number }
        return sum
    }

    func double(_ lines: MessageStream<Line>) async throws -> MessageStream<Line> {
        MessageStream(unfolding: DoubledLines(lines).next)
    }

    func none() async throws {}
}

private actor DoubledLines {
    private var lines: MessageStream<Line>.AsyncIterator

    init(_ lines: MessageStream<Line>) { self.lines = lines.makeAsyncIterator() }

    func next() async throws -> Line? {
        var lines = self.lines
        defer { self.lines = lines }
        return try await lines.next().map { Line(number: 2 * $0.number) }
    }
}

@Suite("Values of a client stream, at the rookery command", .timeLimit(.minutes(1)))
struct ClientStreamTests {
    private let file = NSTemporaryDirectory() + "values-\(UUID()).jsonl"

    private func withLines(_ text: String, _ body: (String) async throws -> Void) async throws {
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let server = try RookeryServer(.init(port: 0), services: LinesAPIContract.service(Lines()))
        try await withRookeryServer(server) { server in
            try await body("127.0.0.1:\(try await server.listeningAddress.port)")
        }
    }

    @Test("come from a file, for one answer and for one each")
    func file() async throws {
        try await withLines("{\"number\":1}\n\n{\"number\":2}\n{\"number\":39}") { address in
            let sum = try await rookery("call", address, "add", "--values", file)
            #expect(sum.output == "42\n" && sum.code == 0, "\(sum)")
            let doubled = try await rookery("watch", address, "double", "--values", file)
            #expect(
                doubled.output == "{\"number\":2}\n{\"number\":4}\n{\"number\":78}\n" && doubled.code == 0, "\(doubled)"
            )
        }
    }

    @Test("come from standard input")
    func standardInput() async throws {
        try await withLines("{\"number\":1}\n") { address in
            let command = "\(RunningProgram.url("rookery").path) call \(address) add --values -"
            let shell = try await RunningProgram(
                URL(filePath: "/bin/bash"), ["-c", "seq 1000 | sed 's/.*/{\"number\":&}/' | \(command)"])
            #expect(await shell.exitCode() == 0)
            #expect(shell.printed == "500500\n")
        }
    }

    @Test("are asked for, refused where there is no use for them, and named by their line when they are wrong")
    func wrong() async throws {
        try await withLines("{\"number\":1}\n{\"number\":0}\n{broken\n") { address in
            let missing = try await rookery("call", address, "add")
            #expect(missing.code == 2 && missing.errors.contains("--values FILE"), "\(missing.errors)")
            let unwanted = try await rookery("call", address, "none", "--values", file)
            #expect(unwanted.code == 2 && unwanted.errors.contains("takes no client stream"), "\(unwanted.errors)")
            let nowhere = try await rookery("call", address, "add", "--values", "/nowhere")
            #expect(nowhere.code != 0 && nowhere.errors.contains("/nowhere: No such file"), "\(nowhere.errors)")
            let invalid = try await rookery("call", address, "add", "--values", file)
            #expect(invalid.code == 2 && invalid.errors.contains("line 2 of \(file)"), "\(invalid.errors)")
            #expect(invalid.errors.contains("number"))
            try "{\"number\":1}\n{broken\n".write(toFile: file, atomically: true, encoding: .utf8)
            let broken = try await rookery("call", address, "add", "--values", file)
            #expect(broken.code == 2 && broken.errors.contains("line 2 of \(file) is not JSON"), "\(broken.errors)")
            // The service checks them too.
            try "{\"number\":0}\n".write(toFile: file, atomically: true, encoding: .utf8)
            let unchecked = try await rookery(
                "call", address, "{\"cmd\":\"add\"}", "--values", file, "--no-check")
            #expect(unchecked.code == 1 && unchecked.errors.contains("values[0].number"), "\(unchecked.errors)")
        }
    }

    @Test("are in the service's description, for people, TypeScript and AsyncAPI")
    func description() async throws {
        try await withLines("") { address in
            let text = try await rookery("describe", address, "add")
            #expect(text.output.contains(", Line… → integer") && text.output.contains("at least 1"), "\(text.output)")
            let types = try await rookery("describe", address, "--typescript")
            #expect(types.output.contains("clientStream: Line;"), "\(types.output)")
            let document = try await rookery("describe", address, "--asyncapi")
            #expect(document.output.contains("\"clientStream\""), "\(document.output)")
        }
    }
}
