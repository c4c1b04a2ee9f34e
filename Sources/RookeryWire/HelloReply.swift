/// A server's reply to a ``Hello``: the terms that apply to the connection from then on.
package struct HelloReply: Sendable, Hashable {
    /// The version in use: the lower of the two peers' versions.
    package var version: Int
    /// The server's name, for logs.
    package var name: String
    /// The id of the server's instance. It differs after a restart.
    package var instance: String
    /// The features that both peers have.
    package var features: [String]
    /// The serializers that both peers have, at most 256. A frame's header holds a position in this list.
    package var serializers: [String]
    /// The compressions that both peers have.
    package var compressions: [String]
    /// The server's patterns in normal form, at most 65 536. A frame's header holds a position in this list.
    package var patterns: [String]
    /// The largest frame that the server accepts, in bytes.
    package var frameLimit: Int

    /// Computes the terms for a client. Serializers and compressions are those of both peers, in the client's order.
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

    /// Reads a reply. Returns nil if the version is unknown or the reply names no serializer.
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

    /// The reply as a JSON object.
    package var jsonValue: JSONValue {
        [
            "version": .int(Int64(version)), "name": .string(name), "instance": .string(instance),
            "features": .names(features), "serializers": .names(serializers), "compressions": .names(compressions),
            "patterns": .names(patterns), "frameLimit": .int(Int64(frameLimit)),
        ]
    }
}
