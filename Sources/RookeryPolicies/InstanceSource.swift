/// Where the instances of a service are found.
package enum InstanceSource: Sendable, Hashable, CustomStringConvertible {
    /// These.
    case list([Instance])
    /// Those that a file lists, one `HOST:PORT` a line. It is read again each second.
    case file(String)
    /// All addresses of a host name, at one port. The name is resolved every 5 s, and soon after a connection was lost.
    case dns(host: String, port: Int)

    /// Reads `HOST:PORT`, several of them with commas in between, `file:PATH`, or `dns:HOST:PORT`; nil when it is none of
    /// them.
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

    /// As it is read.
    package var description: String {
        switch self {
        case .list(let instances): instances.map(\.description).joined(separator: ",")
        case .file(let path): "file:\(path)"
        case .dns(let host, let port): "dns:\(Instance(host: host, port: port))"
        }
    }
}
