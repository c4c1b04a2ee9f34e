// What a service author writes on types and protocols.

/// Makes a struct or an enum a message: a codec without reflection, validation that reports all violations at once, a
/// memberwise initialiser of the type's own access level, and a description with sensitive members redacted. A message that
/// has a property `description` of its own is described by `debugDescription` instead.
///
/// Properties may be integers, `Double`, `Bool`, `String`, ``RookeryCore/Instant``, ``RookeryCore/LocalDate``,
/// Foundation's `UUID`, `Date`, `Data` and `URL`, other messages, and optionals, arrays and string-keyed dictionaries of them. An absent optional
/// is left out of the text, unless marked ``ExplicitNull()``. An enum with a raw type is its raw value; one with payloads
/// is an object with the case's name at `type`.
@attached(member, names: named(init))
@attached(
    extension, conformances: Message, CustomStringConvertible, CustomDebugStringConvertible,
    names: named(_schema), named(_allowsCompression), named(_decode), named(_encode), named(description),
    named(debugDescription),
    named(RookeryExpressions))
public macro Message() = #externalMacro(module: "RookeryMacros", type: "MessageMacro")

/// Makes a protocol a contract: `<Name>Contract` holds its commands and the routes that serve them, `<Name>Client` calls
/// them and conforms to the protocol, so that a test can pass something else.
@attached(peer, names: suffixed(Contract), suffixed(Client), suffixed(Stub))
public macro Contract() = #externalMacro(module: "RookeryMacros", type: "ContractMacro")

// MARK: Patterns
//
// A function may have several patterns of one kind: a server answers at each, a client calls by the first one, which also
// has the options.
//
// `timeout`: how long a call may take when its caller says nothing; of a stream, how long it may be silent.
// `group`: the bulkhead the command is behind. Commands of one group share a circuit breaker and a limit of calls.
// `errors`: the codes with which the command refuses. One that is not declared is logged as a fault of the service.
// `execution`: where the handler runs.

/// A command with one reply, at the pattern `{"cmd": …}`.
@attached(peer)
public macro MessagePattern(
    cmd: String, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command with one reply, at a string pattern.
@attached(peer)
public macro MessagePattern(
    _ pattern: String, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command with one reply, at any object pattern.
@attached(peer)
public macro MessagePattern(
    object: JSONObject, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An event, at a string pattern.
@attached(peer)
public macro EventPattern(_ pattern: String, execution: HandlerExecution = .eventLoop) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command answered by a stream, at the pattern `{"cmd": …}`.
@attached(peer)
public macro StreamPattern(
    cmd: String, _ idempotency: Idempotency = .safe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command answered by a stream, at a string pattern.
@attached(peer)
public macro StreamPattern(
    _ pattern: String, _ idempotency: Idempotency = .safe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")

// MARK: Properties

/// A string, or each string of an array, has that many characters (Unicode code points), and at most `bytes` bytes of
/// UTF-8. Default `bytes`: four for each character.
@attached(peer)
public macro Length(_ range: ClosedRange<Int>, bytes: Int? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// As ``Length(_:bytes:)``, and one line: no control characters, and not only white space.
@attached(peer)
public macro Line(_ range: ClosedRange<Int>, bytes: Int? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// As ``Length(_:bytes:)``, and of the control characters only line breaks and tabs.
@attached(peer)
public macro Text(_ range: ClosedRange<Int>, bytes: Int? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A string has a character that is not white space.
@attached(peer)
public macro NotBlank() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A number, a date or a time, or each of an array, lies in the range: `1...100`, `0...`, `...5`.
@attached(peer)
public macro InRange<Range: RangeExpression>(_ range: Range) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An integer is a multiple of another.
@attached(peer)
public macro MultipleOf(_ divisor: Int) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An instant lies on a grid of so many minutes, counted from 1970-01-01T00:00:00Z.
@attached(peer)
public macro WholeMinutes(_ minutes: Int) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An array has no element twice.
@attached(peer)
public macro Distinct() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An array has that many elements.
@attached(peer)
public macro Items(_ range: ClosedRange<Int>) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A string is an email address.
@attached(peer)
public macro Email() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// The whole of a string matches a regular expression, and has at most `bytes` bytes of UTF-8. The expression is made once.
@attached(peer)
public macro Matches<Output>(_ expression: Regex<Output>, bytes: Int = 1024) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// The name of a property, or of an enum's case, in the message, where it differs from the one in Swift.
@attached(peer)
public macro WireName(_ name: String) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An optional property is written as `null` when it is nil, instead of left out.
@attached(peer)
public macro ExplicitNull() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A secret: never shown in descriptions, logs or errors, and its message is never compressed.
@attached(peer)
public macro Sensitive() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Personal data: never shown in descriptions, logs or errors.
@attached(peer)
public macro PII(_ category: PersonalData) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
