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

/// What a server answers to a ``Hello``: what both will do from then on.
package struct HelloReply: Sendable, Hashable {
    /// The version spoken: the lower of both.
    package var version: Int
    /// The server's name, for logs.
    package var name: String
    /// Which instance of it this is; differs after a restart.
    package var instance: String
    /// What both can do.
    package var features: [String]
    /// The serializers of both; a frame's header has the position in this list.
    package var serializers: [String]
    /// The compressions of both.
    package var compressions: [String]
    /// The server's patterns in normal form; a frame's header has the position in this list.
    package var patterns: [String]
    /// The largest frame the server takes, in bytes.
    package var frameLimit: Int

    /// Agrees with a client. Of serializers and compressions, what both have, in the client's order.
    package init(
        to hello: Hello, name: String, instance: String, serializers: [String], compressions: [String],
        patterns: [String], frameLimit: Int
    ) {
        version = min(hello.version, Hello.version)
        self.name = name
        self.instance = instance
        features = Hello.features.filter(hello.features.contains)
        self.serializers = Array(hello.serializers.filter(serializers.contains).prefix(256))
        self.compressions = hello.compressions.filter(compressions.contains)
        self.patterns = Array(patterns.prefix(65_536))
        self.frameLimit = frameLimit
    }

    /// Reads a reply; nil when it is none, or agrees on nothing that can be used.
    package init?(_ value: JSONValue) {
        guard let version = value["version"]?.intValue, (1...Hello.version).contains(version) else { return nil }
        self.version = version
        name = value["name"]?.stringValue ?? ""
        instance = value["instance"]?.stringValue ?? ""
        features = value.names("features")
        serializers = value.names("serializers")
        compressions = value.names("compressions")
        patterns = value.names("patterns")
        frameLimit = value["frameLimit"]?.intValue ?? FrameDecoder.defaultFrameLimit
        if serializers.isEmpty { return nil }
    }

    /// The reply as it travels.
    package var jsonValue: JSONValue {
        [
            "version": .int(Int64(version)), "name": .string(name), "instance": .string(instance),
            "features": .names(features), "serializers": .names(serializers), "compressions": .names(compressions),
            "patterns": .names(patterns), "frameLimit": .int(Int64(frameLimit)),
        ]
    }
}

extension JSONValue {
    fileprivate func names(_ key: String) -> [String] { self[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    fileprivate static func names(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }
}
