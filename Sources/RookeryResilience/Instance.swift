/// One of the processes that serve a destination.
public struct Instance: Sendable, Hashable, CustomStringConvertible {
    /// Its host: a name or an address.
    public let host: String
    /// Its port.
    public let port: Int

    /// Names one.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT` or `[IPV6]:PORT`; nil when it is neither.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.first == "[" {
            guard host.last == "]" else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "," }) else { return nil }
        self.init(host: String(host), port: port)
    }

    /// `HOST:PORT`, with brackets around an IPv6 address.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Says which instances a destination has, whenever that changes.
public protocol Discovery: Sendable {
    /// What is known from the start; may be empty.
    var initial: [Instance] { get }

    /// Tells every list there is from now on, until it is cancelled. What cannot be found out is not told: the last list
    /// stays.
    func watch(_ changed: ([Instance]) async -> Void) async throws

    /// A connection to an instance was lost or refused: perhaps the list is old. Does nothing unless implemented.
    func suspect()
}

extension Discovery {
    /// Does nothing.
    public func suspect() {}
}

/// Always the same instances.
public struct StaticDiscovery: Discovery {
    /// The instances.
    public let initial: [Instance]

    /// Names them.
    public init(_ instances: [Instance]) { initial = instances }

    /// Has nothing to tell.
    public func watch(_ changed: ([Instance]) async -> Void) async throws {}
}
