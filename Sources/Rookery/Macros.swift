// What a service author writes on types and protocols.

/// Makes a struct or an enum a message: a codec without reflection, validation that reports all violations at once, a
/// memberwise initialiser of the type's own access level, and a description with sensitive members redacted.
///
/// Properties may be integers, `Double`, `Bool`, `String`, ``RookeryCore/Instant``, ``RookeryCore/LocalDate``,
/// ``RookeryCore/Money``, other messages, and optionals, arrays and string-keyed dictionaries of them. An absent optional
/// is left out of the text, unless marked ``ExplicitNull()``. An enum with a raw type is its raw value; one with payloads
/// is an object with the case's name at `type`.
@attached(member, names: named(init))
@attached(
    extension, conformances: Message, CustomStringConvertible,
    names: named(decode), named(encode), named(description))
public macro Message() = #externalMacro(module: "RookeryMacros", type: "MessageMacro")

/// Makes a protocol a contract: `<Name>Contract` holds its commands and the routes that serve them, `<Name>Client` calls
/// them and conforms to the protocol, so that a test can pass something else.
@attached(peer, names: suffixed(Contract), suffixed(Client))
public macro Contract() = #externalMacro(module: "RookeryMacros", type: "ContractMacro")

// MARK: Patterns

/// A command with one reply, at the pattern `{"cmd": …}`.
@attached(peer)
public macro MessagePattern(cmd: String, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command with one reply, at a string pattern.
@attached(peer)
public macro MessagePattern(_ pattern: String, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command with one reply, at any object pattern.
@attached(peer)
public macro MessagePattern(object: JSONObject, _ idempotency: Idempotency = .unsafe, timeout: Duration? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An event, at a string pattern.
@attached(peer)
public macro EventPattern(_ pattern: String) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command answered by a stream, at the pattern `{"cmd": …}`; `timeout` is how long it may be silent.
@attached(peer)
public macro StreamPattern(cmd: String, _ idempotency: Idempotency = .safe, timeout: Duration? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A command answered by a stream, at a string pattern.
@attached(peer)
public macro StreamPattern(_ pattern: String, _ idempotency: Idempotency = .safe, timeout: Duration? = nil) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")

// MARK: Properties

/// A string, or each string of an array, has that many characters.
@attached(peer)
public macro Length(_ range: ClosedRange<Int>) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A number, or each number of an array, lies in the range.
@attached(peer)
public macro InRange<Bound: Comparable>(_ range: ClosedRange<Bound>) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A number, or each number of an array, is at least that.
@attached(peer)
public macro InRange<Bound: Comparable>(_ range: PartialRangeFrom<Bound>) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A number, or each number of an array, is at most that.
@attached(peer)
public macro InRange<Bound: Comparable>(_ range: PartialRangeThrough<Bound>) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An array has that many elements.
@attached(peer)
public macro Items(_ range: ClosedRange<Int>) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A string is an email address.
@attached(peer)
public macro Email() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// The whole of a string matches a regular expression.
@attached(peer)
public macro Matches<Output>(_ expression: Regex<Output>) =
    #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// The name of a property, or of an enum's case, in the message, where it differs from the one in Swift.
@attached(peer)
public macro WireName(_ name: String) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// An optional property is written as `null` when it is nil, instead of left out.
@attached(peer)
public macro ExplicitNull() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// A secret: never shown in descriptions, logs or errors.
@attached(peer)
public macro Sensitive() = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
/// Personal data: never shown in descriptions, logs or errors.
@attached(peer)
public macro PII(_ category: PersonalData) = #externalMacro(module: "RookeryMacros", type: "MarkerMacro")
