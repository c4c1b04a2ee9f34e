// The attributes that a service author writes on types and protocols.

/// Makes a struct or an enum a message.
///
/// Adds a codec without reflection, and validation that reports all violations at once. Also adds a description with
/// sensitive members redacted. If the type has a property `description`, the redacted text is in `debugDescription`. A
/// struct gets a memberwise initialiser with the access level of the type.
///
/// Properties may be integers, `Double`, `Float`, `Bool`, `String`, ``RookeryCore/Instant``, ``RookeryCore/LocalDate``,
/// Foundation's `UUID`, `Date`, `Data` and `URL`, and other messages. They may also be optionals, arrays and
/// string-keyed dictionaries of these. The encoder omits a nil optional unless it has ``ExplicitNull()``.
///
/// A rule over several properties is a method of the struct, declared in its braces. It runs after the properties' own rules,
/// whatever they found, unless a property is missing or has the wrong type:
///
/// ```swift
/// func validate(into violations: inout [Violation]) {
///     if end <= start { violations.append(Violation(path: "end", constraint: "order", message: "must be after start")) }
/// }
/// ```
///
/// An enum with a raw type is encoded as its raw value. Any other enum is an object with the name of the case at
/// `type`. The attributes of a property go before such a case, and name the associated value that they are about:
///
/// ```swift
/// @Line(1...80, of: "to") @PII(.name, of: "to") case renamed(id: Int, to: String)
/// ```
///
/// With `forbidsUnknown`, which must be `true` or `false`, a receiver refuses members that the type does not have. Default false:
/// it skips them, so that a newer sender may add members.
@attached(member, names: named(init))
@attached(
    extension, conformances: Message, CustomStringConvertible, CustomDebugStringConvertible,
    names: named(_schema), named(_allowsCompression), named(_decode), named(_encode), named(description),
    named(debugDescription),
    named(RookeryExpressions))
public macro Message(forbidsUnknown: Bool = false) = #externalMacro(module: "RookeryMacros", type: "MessageMacro")

/// Makes a protocol a contract, and generates three types.
///
/// - `<Name>Contract` holds the commands, and makes a service from an implementation of the protocol.
/// - `<Name>Client` calls the commands. It conforms to the protocol, so that a test can replace it.
/// - `<Name>Stub` stands for a service in a test. The test sets the handlers that it needs.
///
/// A function takes a message, a client stream, both or neither. A client stream is a last parameter of the type `MessageStream`: values
/// that the client sends while the call lasts.
///
/// With `forbidsUnknown`, a service refuses messages with members that their types do not have. Default false.
@attached(peer, names: suffixed(Contract), suffixed(Client), suffixed(Stub))
public macro Contract(forbidsUnknown: Bool = false) = #externalMacro(module: "RookeryMacros", type: "ContractMacro")

// MARK: Patterns
//
// A function may have several patterns of one kind. The server answers at each of them. A client calls the first one,
// and only the first one may have options.

/// Makes a function a command with one reply, at the pattern `{"cmd": …}`.
///
/// The options are the same for all patterns of commands with replies:
///
/// - The second parameter says whether a call may be sent twice. Default `.unsafe`, or `.safe` for a stream. A command with a
///   client stream is always `.unsafe`.
/// - `timeout` is the timeout of a call if the caller sets none. For a stream, it is the longest silence of the service. With a
///   client stream, it is how long the service may take no value, or give no reply after the last one. Default nil: the default
///   timeout of the client.
/// - `group` is the bulkhead of the command. The commands of a group share a circuit breaker and a limit of calls.
///   Default `default`.
/// - `errors` are the codes with which the command refuses. The server logs any other code as a fault of the service,
///   except the toolkit's own codes. Default nil: any code is allowed.
/// - `execution` says where the handler runs. Default: on the event loop of the connection.
@attached(peer)
public macro MessagePattern(
    cmd: String, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Makes a function a command with one reply, at a string pattern.
///
/// ``MessagePattern(cmd:_:timeout:group:errors:execution:)`` describes the options.
@attached(peer)
public macro MessagePattern(
    _ pattern: String, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Makes a function a command with one reply, at any object pattern.
///
/// ``MessagePattern(cmd:_:timeout:group:errors:execution:)`` describes the options.
@attached(peer)
public macro MessagePattern(
    object: JSONObject, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Makes a function an event, at a string pattern. An event has no reply. `execution` says where the handler runs.
@attached(peer)
public macro EventPattern(_ pattern: String, execution: HandlerExecution = .eventLoop) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Makes a function a command whose reply is a stream, at the pattern `{"cmd": …}`.
///
/// ``MessagePattern(cmd:_:timeout:group:errors:execution:)`` describes the options. With `resuming`, a client opens a stream that
/// broke again after its last cursor, at any instance, without its reader noticing. It tries to for twice as long as the stream may be
/// silent, within the retry budget of the client. Default nil: the reader gets the error.
/// A function with a client stream cannot have `resuming`.
@attached(peer)
public macro StreamPattern(
    cmd: String, _ idempotency: Idempotency = .safe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop, resuming: StreamResumption? = nil
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Makes a function a command whose reply is a stream, at a string pattern.
///
/// ``StreamPattern(cmd:_:timeout:group:errors:execution:resuming:)`` describes the options.
@attached(peer)
public macro StreamPattern(
    _ pattern: String, _ idempotency: Idempotency = .safe, timeout: Duration? = nil, group: String = "default",
    errors: [RemoteError.Code]? = nil, execution: HandlerExecution = .eventLoop, resuming: StreamResumption? = nil
) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")

// MARK: Properties
//
// Before a case of an enum, `of` names the associated value that an attribute is about. A property has no `of`.

/// Requires that a string, or each string of an array, has a number of characters in the range.
///
/// Counts Unicode code points. The string may have at most `bytes` bytes of UTF-8. Default: four for each character.
@attached(peer)
public macro Length(_ range: ClosedRange<Int>, bytes: Int? = nil, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires the same as ``Length(_:bytes:)``, and one line of text without control characters.
///
/// If the range starts above 0, the line must not be only white space.
@attached(peer)
public macro Line(_ range: ClosedRange<Int>, bytes: Int? = nil, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires the same as ``Length(_:bytes:)``, and no control characters except line breaks and tabs.
@attached(peer)
public macro Text(_ range: ClosedRange<Int>, bytes: Int? = nil, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that a string has a character that is not white space.
@attached(peer)
public macro NotBlank(of payload: String? = nil) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that a number, a date or a time, or each of an array, is in the range: `1...100`, `0...`, `...5`.
@attached(peer)
public macro InRange<Range: RangeExpression>(_ range: Range, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that an integer is a multiple of `divisor`, which must be above 0.
@attached(peer)
public macro MultipleOf(_ divisor: Int, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that an instant is a multiple of `minutes` minutes after 1970-01-01T00:00:00Z.
@attached(peer)
public macro WholeMinutes(_ minutes: Int, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that no two elements of an array are equal.
@attached(peer)
public macro Distinct(of payload: String? = nil) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that an array has a number of elements in the range.
@attached(peer)
public macro Items(_ range: ClosedRange<Int>, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that a string is an email address: at most 254 bytes, and a domain with a dot.
@attached(peer)
public macro Email(of payload: String? = nil) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Requires that a whole string matches a regular expression, and has at most `bytes` bytes of UTF-8. Default 1024.
///
/// The expression is made once, not for each message.
@attached(peer)
public macro Matches<Output>(_ expression: Regex<Output>, bytes: Int = 1024, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Sets the name of a property, or of an enum's case, in the message, if it differs from the name in Swift. With `of`, it is the
/// name of an associated value.
@attached(peer)
public macro WireName(_ name: String, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Encodes a nil optional as `null` instead of omitting it.
@attached(peer)
public macro ExplicitNull(of payload: String? = nil) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Marks a property as a secret. Descriptions, logs and errors never show it.
///
/// A message with a secret is never compressed. With the setting `fields.keys`, the secret is encrypted on connections without
/// TLS.
@attached(peer)
public macro Sensitive(of payload: String? = nil) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Marks a property as personal data. Descriptions, logs and errors never show it.
///
/// With the setting `fields.keys`, it is encrypted on connections without TLS.
@attached(peer)
public macro PII(_ category: PersonalData, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Records why a text is no personal data. It changes nothing at run time.
@attached(peer)
public macro NotPersonal(_ why: String, of payload: String? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
