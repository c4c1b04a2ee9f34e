import SwiftSyntaxMacroExpansion
import SwiftSyntaxMacros
import SwiftSyntaxMacrosGenericTestSupport
import Testing

import RookeryMacroExpansion

private let macros: [String: MacroSpec] = [
    "Message": MacroSpec(type: MessageMacro.self), "Contract": MacroSpec(type: ContractMacro.self),
]

/// What a macro says about source it cannot expand; line and column count from the first line of `source`.
private func expectDiagnostics(
    _ source: String, _ diagnostics: [(message: String, line: Int, column: Int)],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let stripped = source.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.replacing("@Message ", with: "").replacing("@Contract ", with: "") }.joined(separator: "\n")
    assertMacroExpansion(
        source, expandedSource: stripped,
        diagnostics: diagnostics.map { DiagnosticSpec(message: $0.message, line: $0.line, column: $0.column) },
        macroSpecs: macros,
        failureHandler: { failure in
            Issue.record("\(failure.message)", sourceLocation: sourceLocation)
        })
}

@Suite("Wrong use of @Message is told where it is wrong")
struct MessageDiagnosticTests {
    @Test("a property without a type")
    func missingType() {
        expectDiagnostics(
            "@Message struct A {\n    var a = 1\n}",
            [("a message property needs an explicit type, so that its codec can be written", 2, 9)])
    }

    @Test(
        "a property of a type that no message can hold",
        arguments: ["() -> Void", "(Int, Int)", "any Error", "Any", "[Int: String]", "Decimal"])
    func unsupportedType(_ type: String) {
        expectDiagnostics(
            "@Message struct A {\n    var a: \(type)\n}",
            [
                (
                    "this type cannot stand in a message; use a number, Bool, String, Instant, LocalDate, UUID, Date, "
                        + "Data, URL, an optional, an array, a dictionary keyed by String, or another @Message type", 2,
                    12
                )
            ])
    }

    @Test("a class")
    func wrongKind() {
        expectDiagnostics("@Message class A {\n}", [("@Message can only be applied to a struct or an enum", 1, 1)])
    }

    @Test("a lazy property, a tuple, a constant with a value")
    func oddProperties() {
        expectDiagnostics(
            "@Message struct A {\n    lazy var a: Int = 1\n}", [("a message property cannot be lazy or weak", 2, 5)])
        expectDiagnostics(
            "@Message struct A {\n    let a: Int = 1\n}",
            [("a constant with a value is never read from a message; make it static or a var", 2, 9)])
        expectDiagnostics(
            "@Message struct A {\n    var (a, b): (Int, Int)\n}", [("a message property must be a single name", 2, 9)])
    }

    @Test("an attribute before a case that names no associated value, or one that is not there, or a property's")
    func payloadAttributes() {
        expectDiagnostics(
            "@Message enum A {\n    @Line(1...9) case a(text: String)\n}",
            [
                (
                    "before a case, this attribute needs to name the associated value that it is about: of: \"label\"",
                    2, 5
                )
            ])
        expectDiagnostics(
            "@Message enum A {\n    @Line(1...9, of: \"name\") case a(text: String)\n}",
            [("no case of this declaration has an associated value 'name'", 2, 5)])
        expectDiagnostics(
            "@Message struct A {\n    @Line(1...9, of: \"text\") var text: String\n}",
            [("of: names an associated value, and a property has none", 2, 5)])
        expectDiagnostics(
            "@Message enum A {\n    @WireName(\"type\", of: \"kind\") case a(kind: String)\n}",
            [("an associated value cannot be called 'type': that member names the case", 2, 42)])
    }

    @Test("an associated value without a label")
    func unlabelled() {
        expectDiagnostics(
            "@Message enum A {\n    case a(Int)\n}",
            [("an associated value needs a label: it becomes a member of the tagged object", 2, 12)])
    }
}

@Suite("Wrong use of @Contract is told where it is wrong")
struct ContractDiagnosticTests {
    @Test("two commands with one pattern")
    func duplicatePattern() {
        expectDiagnostics(
            """
            @Contract protocol A: Sendable {
                @MessagePattern(cmd: "x")
                func a() async throws
                @MessagePattern(cmd: "x")
                func b() async throws
            }
            """, [("'a' has the same pattern already", 5, 10)])
    }

    @Test("a function without a pattern, and one that is not async throws")
    func functions() {
        expectDiagnostics(
            """
            @Contract protocol A: Sendable {
                func a() async throws
                @MessagePattern(cmd: "x")
                func b() throws
            }
            """,
            [
                ("every function of a contract needs @MessagePattern, @EventPattern or @StreamPattern", 2, 10),
                ("a function of a contract must be 'async throws'", 4, 10),
            ])
    }

    @Test("an event that returns, and a stream that does not")
    func kinds() {
        expectDiagnostics(
            """
            @Contract protocol A: Sendable {
                @EventPattern("x")
                func a() async throws -> Int
                @StreamPattern(cmd: "y")
                func b() async throws -> Int
                @MessagePattern(cmd: "z")
                func c() async throws -> MessageStream<Int>
            }
            """,
            [
                ("an event has no answer: the function cannot return a value", 3, 30),
                ("a function with @StreamPattern must return MessageStream<…>", 5, 30),
                ("a function that returns MessageStream<…> needs @StreamPattern", 7, 30),
            ])
    }

    @Test("a struct, a protocol that is not Sendable, a property, too many parameters")
    func shapes() {
        expectDiagnostics("@Contract struct A {\n}", [("@Contract can only be applied to a protocol", 1, 1)])
        expectDiagnostics("@Contract protocol A {\n}", [("a contract must inherit from Sendable", 1, 20)])
        expectDiagnostics(
            "@Contract protocol A: Sendable {\n    var a: Int { get }\n}",
            [("a contract can only have functions", 2, 5)])
        expectDiagnostics(
            "@Contract protocol A: Sendable {\n    @MessagePattern(cmd: \"x\")\n    func a(_ b: Int, c: Int) async throws\n}",
            [
                (
                    "a function of a contract takes one message at most, and after it a MessageStream<…> of the client",
                    3, 11
                )
            ])
    }

    @Test("a client stream before the message, of an event, and of a call that may be sent twice")
    func clientStreams() {
        let order = "a function of a contract takes one message at most, and after it a MessageStream<…> of the client"
        let twice = "a call with a client stream cannot be sent twice: it is .unsafe and cannot be resumed"
        expectDiagnostics(
            """
            @Contract protocol A: Sendable {
                @MessagePattern(cmd: "a")
                func a(_ values: MessageStream<Int>, _ message: Int) async throws
                @EventPattern("b")
                func b(_ message: Int, _ values: MessageStream<Int>) async throws
                @MessagePattern(cmd: "c", .safe)
                func c(_ values: MessageStream<Int>) async throws
                @StreamPattern(cmd: "d", resuming: .after("a", cursor: "b"))
                func d(_ values: MessageStream<Int>) async throws -> MessageStream<Int>
            }
            """,
            [
                (order, 3, 11),
                ("an event has no client stream: the function needs @MessagePattern or @StreamPattern", 5, 28),
                (twice, 6, 31), (twice, 8, 30),
            ])
    }
}
