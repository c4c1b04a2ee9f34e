/// Where a client finds the instances of a service.
package enum InstanceSource: Sendable, Hashable, CustomStringConvertible {
    /// A fixed list.
    case list([Instance])
    /// The instances in a file, one `HOST:PORT` a line. The client reads the file every second.
    case file(String)
    /// All addresses of a host name, at one port. The client resolves the name every 5 s, and within 1 s after it lost
    /// a connection.
    case dns(host: String, port: Int)

    /// Parses `HOST:PORT`, several of them with commas in between, `file:PATH`, or `dns:HOST:PORT`. Nil for any other
    /// text.
    package init?(_ text: String) {
        if text.hasPrefix("file:") {
            let path = String(text.dropFirst("file:".count))
            if path.isEmpty { return nil }
            self = .file(path)
        } else if text.hasPrefix("dns:") {
            guard let instance = Instance(text.dropFirst("dns:".count)) else { return nil }
            self = .dns(host: instance.host, port: instance.port)
        } else {
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            let instances = parts.compactMap { Instance($0) }
            guard instances.count == parts.count else { return nil }
            self = .list(instances)
        }
    }

    /// The text that ``init(_:)`` parses.
    package var description: String {
        switch self {
        case .list(let instances): instances.map(\.description).joined(separator: ",")
        case .file(let path): "file:\(path)"
        case .dns(let host, let port): "dns:\(Instance(host: host, port: port))"
        }
    }
}
