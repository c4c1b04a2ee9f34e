import SwiftDiagnostics
import SwiftSyntax
import SwiftSyntaxMacros

/// A wrong use of one of the macros, reported at the syntax that is wrong.
struct MacroDiagnostic: DiagnosticMessage {
    let id: String
    let message: String
    var severity: DiagnosticSeverity { .error }
    var diagnosticID: MessageID { MessageID(domain: "Rookery", id: id) }

    static let notAMessage = Self(id: "notAMessage", message: "@Message can only be applied to a struct or an enum")
    static let genericMatches = Self(
        id: "genericMatches", message: "a generic @Message type cannot use @Matches; use a type of its own for the text"
    )
    static let missingType = Self(
        id: "missingType", message: "a message property needs an explicit type, so that its codec can be written")
    static let unsupportedType = Self(
        id: "unsupportedType",
        message:
            "this type cannot stand in a message; use a number, Bool, String, Instant, LocalDate, UUID, Date, "
            + "Data, URL, an optional, an array, a dictionary keyed by String, or another @Message type")
    static let lazyProperty = Self(id: "lazyProperty", message: "a message property cannot be lazy or weak")
    static let tuplePattern = Self(id: "tuplePattern", message: "a message property must be a single name")
    static let constantWithValue = Self(
        id: "constantWithValue",
        message: "a constant with a value is never read from a message; make it static or a var")
    static let unlabelledPayload = Self(
        id: "unlabelledPayload", message: "an associated value needs a label: it becomes a member of the tagged object")
    static let payloadNotNamed = Self(
        id: "payloadNotNamed",
        message: "before a case, this attribute needs to name the associated value that it is about: of: \"label\"")
    static let literalForbidsUnknown = Self(
        id: "literalForbidsUnknown", message: "forbidsUnknown must be true or false, so that the macro can read it")
    static let propertyNamesPayload = Self(
        id: "propertyNamesPayload", message: "of: names an associated value, and a property has none")
    static func noSuchPayload(_ label: String) -> Self {
        Self(id: "noSuchPayload", message: "no case of this declaration has an associated value '\(label)'")
    }
    static let tagCollision = Self(
        id: "tagCollision", message: "an associated value cannot be called 'type': that member names the case")
    static let duplicateName = Self(id: "duplicateName", message: "another member has this name in the message")

    static let notAContract = Self(id: "notAContract", message: "@Contract can only be applied to a protocol")
    static let notSendable = Self(id: "notSendable", message: "a contract must inherit from Sendable")
    static let notAFunction = Self(id: "notAFunction", message: "a contract can only have functions")
    static let missingPattern = Self(
        id: "missingPattern",
        message: "every function of a contract needs @MessagePattern, @EventPattern or @StreamPattern")
    static let mixedPatterns = Self(
        id: "mixedPatterns", message: "all patterns of a function must be of one kind: request, event or stream")
    static let lateOption = Self(
        id: "lateOption", message: "options belong to the first pattern of a function; further ones only name patterns")
    static let notAsyncThrows = Self(id: "notAsyncThrows", message: "a function of a contract must be 'async throws'")
    static let manyParameters = Self(
        id: "manyParameters",
        message: "a function of a contract takes one message at most, and after it a MessageStream<…> of the client")
    static let eventTakesStream = Self(
        id: "eventTakesStream",
        message: "an event has no client stream: the function needs @MessagePattern or @StreamPattern")
    static let repeatedStream = Self(
        id: "repeatedStream",
        message: "a call with a client stream cannot be sent twice: it is .unsafe and cannot be resumed")
    static let genericFunction = Self(id: "genericFunction", message: "a function of a contract cannot be generic")
    static let eventReturns = Self(
        id: "eventReturns", message: "an event has no answer: the function cannot return a value")
    static let streamReturns = Self(
        id: "streamReturns", message: "a function with @StreamPattern must return MessageStream<…>")
    static let requestReturnsStream = Self(
        id: "requestReturnsStream", message: "a function that returns MessageStream<…> needs @StreamPattern")
    static let literalPattern = Self(
        id: "literalPattern", message: "a pattern must be a literal, so that it can be compared with the others")

    static func duplicatePattern(_ other: String) -> Self {
        Self(id: "duplicatePattern", message: "'\(other)' has the same pattern already")
    }

    func at(_ node: some SyntaxProtocol) -> Diagnostic {
        Diagnostic(node: Syntax(node), message: self)
    }
}

extension MacroExpansionContext {
    func report(_ diagnostic: MacroDiagnostic, at node: some SyntaxProtocol) {
        diagnose(diagnostic.at(node))
    }
}
