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
