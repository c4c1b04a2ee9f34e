import Rookery
import RookeryCore
import RookeryTesting
import Testing

@Contract private protocol TallyAPI: Sendable {
    @MessagePattern(cmd: "tally") func tally(_ name: String, of numbers: MessageStream<Int>) async throws -> String
    @MessagePattern(cmd: "drop") func drop(numbers: MessageStream<Int>) async throws
    @StreamPattern(cmd: "squares") func squares(_ numbers: MessageStream<Int>) async throws -> MessageStream<Int>
}

private struct Lost: Error, Hashable {}

@Suite("A client stream of a contract")
struct ClientStreamTests {
    private var stub: TallyAPIStub {
        var stub = TallyAPIStub()
        stub.tallyHandler = { name, numbers in
            var sum = 0
            for try await number in numbers { sum += number }
            return "\(name): \(sum)"
        }
        stub.dropHandler = { numbers in for try await _ in numbers {} }
        stub.squaresHandler = { numbers in numbers.mapped { $0 * $0 } }
        return stub
    }

    private func client() throws -> TallyAPIClient {
        try TallyAPIClient(RookeryClient(inMemory: TallyAPIContract.service(stub)))
    }

    @Test("reaches a handler without a network, before one answer, none, or one each")
    func inMemory() async throws {
        let client = try client()
        #expect(try await client.tally("sum", of: MessageStream([1, 2, 3])) == "sum: 6")
        try await client.drop(numbers: MessageStream([1, 2]))
        var squares: [Int] = []
        for try await square in try await client.squares(MessageStream([1, 2, 3])) { squares.append(square) }
        #expect(squares == [1, 4, 9])
    }

    @Test("ends its call with its own error, not with what the handler makes of it")
    func torn() async throws {
        let client = try client()
        let torn = MessageStream<Int>(unfolding: { throw Lost() })
        await #expect(throws: Lost()) { try await client.tally("sum", of: torn) }
    }

    @Test("is refused by a command that takes none, and missed by one that needs it")
    func unwanted() async throws {
        let raw = try RookeryClient(
            inMemory: TallyAPIContract.service(stub), RookeryService([.raw("plain") { $0 }]))
        let missed = await #expect(throws: RemoteError.self) { try await raw.send(Pattern(cmd: "tally"), "sum") }
        #expect(missed?.code == .invalidPayload)
        let unwanted = await #expect(throws: RemoteError.self) {
            try await raw.send("plain", 1, clientStream: MessageStream([1]))
        }
        #expect(unwanted?.code == .invalidPayload)
    }

    @Test("is part of its command: never repeated, limited by silence, and described")
    func command() throws {
        #expect(TallyAPIContract.squares.idempotency == .unsafe && TallyAPIContract.squares.isStreaming)
        #expect(TallyAPIContract.tally.hasClientStream && TallyAPIContract.tally.isStreaming)
        let description = TallyAPIContract.descriptor.description(service: "tally")
        let command = try #require(description["commands"]?.arrayValue?.first)
        #expect(command["clientStream"]?["type"] == "integer", "\(command.jsonText)")
    }

    @Test("can be sent only once, whoever tries again")
    func once() async throws {
        let stream = ClientStream(MessageStream([1, 2]))
        let command = TallyAPIContract.drop
        #expect(!stream.hasBegun)
        _ = try stream.begin(command)
        #expect(stream.hasBegun)
        #expect(throws: CallError.self) { try stream.begin(command) }
    }
}
