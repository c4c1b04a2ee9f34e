/// A client's request to negotiate the extension. It is an ordinary request, for which a plain peer has no handler.
package struct Hello: Sendable, Hashable {
    /// The pattern of the request.
    package static let pattern = "$rookery.hello"
    /// The largest hello packet, in bytes. The limit bounds what a server reads from a peer that it does not know yet.
    package static let sizeLimit = 16 * 1024
    /// The version of the extension that this code implements.
    package static let version = 1
    /// The features of this version, besides binary frames.
    package static let features = ["cancel", clientStreams, "credits", "go-away", "metadata", "ping"]
    /// The feature of peers that send and take client streams.
    package static let clientStreams = "client-streams"

    /// The highest version that the client knows.
    package var version = Hello.version
    /// The features of the client.
    package var features = Hello.features
    /// The client's serializers, best first.
    package var serializers: [String]
    /// The client's compressions, best first.
    package var compressions: [String]
    /// The largest frame that the client accepts, in bytes. Nil if it states none.
    package var frameLimit: Int?
    /// 32 random bytes in hexadecimal, if the client can prove a service key. Nil if it has none.
    package var nonce: String?

    /// Creates the hello of a client of this version.
    package init(serializers: [String], compressions: [String], frameLimit: Int? = nil, nonce: String? = nil) {
        self.serializers = serializers
        self.compressions = compressions
        self.frameLimit = frameLimit
        self.nonce = nonce
    }

    /// Reads a hello. Returns nil without a version of at least 1. Ignores unknown and invalid members, so that
    /// versions can mix.
    package init?(_ value: JSONValue) {
        guard let version = value["version"]?.intValue, version >= 1 else { return nil }
        self.version = version
        features = value.names("features")
        serializers = value.names("serializers")
        compressions = value.names("compressions")
        frameLimit = value["frameLimit"]?.intValue.flatMap { $0 > 0 ? $0 : nil }
        nonce = value["nonce"]?.stringValue.flatMap { Hexadecimal.bytes($0, count: 32) == nil ? nil : $0 }
    }

    /// Returns the hello without the names that a server does not know, so that keeping it costs little.
    package func known(_ serializers: [String]) -> Hello {
        var hello = self
        hello.features = Hello.features.filter(features.contains)
        hello.serializers = Array(self.serializers.filter(serializers.contains).prefix(256))
        hello.compressions = compressions.contains(Compression.name) ? [Compression.name] : []
        return hello
    }

    /// The hello as a JSON object.
    package var jsonValue: JSONValue {
        var object: JSONObject = [
            "version": .int(Int64(version)), "features": .names(features), "serializers": .names(serializers),
            "compressions": .names(compressions),
        ]
        object["frameLimit"] = frameLimit.map { .int(Int64($0)) }
        object["nonce"] = nonce.map { .string($0) }
        return .object(object)
    }
}

extension JSONValue {
    func names(_ key: String) -> [String] { self[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    static func names(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }
}
