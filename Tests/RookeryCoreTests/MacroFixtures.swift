import Rookery
import RookeryTesting
import Testing

// What authors write, and what a macro that pastes text gets wrong. That this file compiles is half of the test.

@Message
struct Describes: Hashable {
    var description: String
    @Sensitive var secret: String
}

@Message
struct Shadows: Hashable {
    var members: [String]
    var decoder: Int
    var key: Int?
    var value: Int
    var field0: Int
    var field1: Int
    var seen0: Bool
    @Matches(/[a-z]+/) var expressions: String
}

@Message
enum Payloads: Hashable {
    case written(writer: Int, value: Int?, self: String)
    case read(decoder: [Int], members: Int, tag: String)
    case none
}

@Message
struct Nothing: Hashable {}

@Message
enum Conforming: Hashable, Sendable, CaseIterable {
    case here, there
}

@Message
enum Raw: Int, CaseIterable {
    case one = 1
    case two
}

@Contract
private protocol HiddenAPI: Sendable {
    @MessagePattern(
        cmd: "over-several-lines",
        .keyed,
        timeout: .seconds(2),
        group: "slow"
    )
    func overSeveralLines(
        // The message.
        at place: Shadows
    ) async throws
        -> Shadows

    @MessagePattern(cmd: "nameless") func nameless(_: Raw) async throws -> Raw
}

private struct Hidden: HiddenAPI {
    func overSeveralLines(at place: Shadows) async throws -> Shadows { place }
    func nameless(_ raw: Raw) async throws -> Raw { raw }
}

@Suite("What @Message and @Contract write")
struct MacroFixtureTests {
    private static let shadows = Shadows(
        members: ["a"], decoder: 1, key: nil, value: 2, field0: 3, field1: 4, seen0: true, expressions: "abc")

    @Test("works for members of any name")
    func names() throws {
        #expect(try Shadows.decode(json: Self.shadows.json) == Self.shadows)
        #expect(try Shadows.decode(Self.shadows.bytes(as: .messagePack), format: .messagePack) == Self.shadows)
        for value: Payloads in [
            .written(writer: 1, value: nil, self: "x"), .read(decoder: [1], members: 2, tag: "y"), .none,
        ] {
            #expect(try Payloads.decode(json: value.json) == value)
            #expect("\(value)".hasPrefix("Payloads."))
        }
        let wrong = #expect(throws: InvalidPayload.self) {
            try Shadows.decode(json: Self.shadows.json.replacing("abc", with: "ABC"))
        }
        #expect(wrong?.violations.map(\.path) == ["expressions"])
    }

    @Test("hides secrets of a message with a description of its own")
    func ownDescription() throws {
        let message = Describes(description: "a dog", secret: "s3cret")
        #expect(try Describes.decode(json: message.json) == message)
        for text in ["\(message)", String(describing: message), String(reflecting: message)] {
            #expect(text == "Describes(description: a dog, secret: [redacted])")
        }
    }

    @Test("tells enums with raw values from enums that only conform to something")
    func enums() throws {
        #expect(Conforming.here.json == #"{"type":"here"}"# && Raw.two.json == "2")
        for value in Conforming.allCases { #expect(try Conforming.decode(json: value.json) == value) }
        for value in Raw.allCases { #expect(try Raw.decode(json: value.json) == value) }
    }

    @Test("serves a private contract whose parameter has a label of its own, or none, over several lines")
    func contracts() async throws {
        let client = HiddenAPIClient(try InMemoryTransport(HiddenAPIContract.service(Hidden()).routes).client())
        #expect(try await client.overSeveralLines(at: Self.shadows) == Self.shadows)
        #expect(try await client.nameless(.two) == .two)
        let command = HiddenAPIContract.overSeveralLines
        #expect(command.group == "slow" && command.timeout == .seconds(2) && command.idempotency == .keyed)
        #expect(HiddenAPIContract.nameless.group == Command.defaultGroup)
    }
}
