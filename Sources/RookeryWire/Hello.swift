/// What a client says when it has connected, as an ordinary request: to a plain peer it is one without a handler.
package struct Hello: Sendable, Hashable {
    /// The pattern that carries it.
    package static let pattern = "$rookery.hello"
    /// A longer packet is no hello, in bytes: what must be read before a peer is known is bounded.
    package static let sizeLimit = 16 * 1024
    /// The version of the extension that is written here.
    package static let version = 1
    /// What this version can do beyond exchanging binary frames.
    package static let features = ["cancel", "credits", "go-away", "metadata", "ping"]

    /// The highest version the client knows.
    package var version = Hello.version
    /// What it can do.
    package var features = Hello.features
    /// The serializers it has, best first.
    package var serializers: [String]
    /// The compressions it has, best first.
    package var compressions: [String]
    /// The largest frame the client takes, in bytes; nil when it does not say.
    package var frameLimit: Int?

    /// What a client offers.
    package init(serializers: [String], compressions: [String], frameLimit: Int? = nil) {
        self.serializers = serializers
        self.compressions = compressions
        self.frameLimit = frameLimit
    }

    /// Reads a hello; unknown members, and wrong ones, are passed over, so that versions can mix. Nil without a version.
    package init?(_ value: JSONValue) {
        guard let version = value["version"]?.intValue, version >= 1 else { return nil }
        self.version = version
        features = value.names("features")
        serializers = value.names("serializers")
        compressions = value.names("compressions")
        frameLimit = value["frameLimit"]?.intValue.flatMap { $0 > 0 ? $0 : nil }
    }

    /// The hello as it travels.
    package var jsonValue: JSONValue {
        var object: JSONObject = [
            "version": .int(Int64(version)), "features": .names(features), "serializers": .names(serializers),
            "compressions": .names(compressions),
        ]
        object["frameLimit"] = frameLimit.map { .int(Int64($0)) }
        return .object(object)
    }
}

extension JSONValue {
    func names(_ key: String) -> [String] { self[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    static func names(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }
}
