package import RookeryWire

/// Says how a client goes on with a stream that broke: which member of the values is a cursor, and which member of the request
/// takes one.
///
/// A cursor stands for its value and all values before it, at every instance of the service. A value without the member belongs to
/// the next cursor: if the stream breaks between the two, the client cannot go on, and the reader gets the error.
public struct StreamResumption: Sendable, Hashable {
    /// The member of the request that takes a cursor.
    package let after: String
    /// The member of a value that has its cursor.
    package let cursor: String
    /// Codes with which the service ends a stream that may go on, besides the toolkit's own.
    package let codes: Set<RemoteError.Code>

    private init(after: String, cursor: String, codes: Set<RemoteError.Code>) {
        self.after = after
        self.cursor = cursor
        self.codes = codes
    }

    /// Names the two members: `after` of the request, and `cursor` of the values. Both are texts, as they are called on the wire.
    ///
    /// `codes` are codes with which the service ends a stream that the client shall open again, such as one for a slow consumer.
    public static func after(
        _ after: String, cursor: String, on codes: Set<RemoteError.Code> = []
    ) -> StreamResumption {
        StreamResumption(after: after, cursor: cursor, codes: codes)
    }

    /// Reads what a description says. Nil for any other JSON.
    package init?(_ json: JSONValue) {
        guard let after = json["after"]?.stringValue, let cursor = json["cursor"]?.stringValue else { return nil }
        self.after = after
        self.cursor = cursor
        codes = Set(json["codes"]?.arrayValue?.compactMap(\.stringValue).map { RemoteError.Code($0) } ?? [])
    }

    /// What a description says of it.
    package var jsonValue: JSONValue {
        var object: JSONObject = ["after": .string(after), "cursor": .string(cursor)]
        if !codes.isEmpty { object["codes"] = .array(codes.map(\.rawValue).sorted().map { .string($0) }) }
        return .object(object)
    }

    /// The cursor of a value. Nil if it has none.
    func cursor(of value: MessageBody) throws -> String? { try value.jsonValue()?[cursor]?.stringValue }

    /// The request that goes on after a cursor. Throws ``CallError`` if it cannot have the member.
    package func request<Message: MessageValue>(_ message: Message, after text: String) throws -> Message {
        guard case .object(var members) = JSONValue(of: message) else { throw invalid() }
        members[after] = .string(text)
        let request: Message
        do {
            request = try MessageBody(JSONValue.object(members)).payload.decode(Message.self, rules: .types)
        } catch {
            throw invalid("\(error)")
        }
        // A message ignores members that it does not have: then everything would come again.
        guard JSONValue(of: request)[after]?.stringValue == text else { throw invalid() }
        return request
    }

    private func invalid(_ cause: String? = nil) -> CallError {
        CallError(.invalidCall, "The request of the stream has no member \(after) for a cursor.", cause: cause)
    }
}
