package import Logging
package import RookeryPolicies

extension InstanceSource {
    /// Makes the discovery of this source. Throws if a file of instances cannot be read or parsed.
    package func discovery(logger: Logger) throws -> any Discovery {
        switch self {
        case .list(let instances): StaticDiscovery(instances)
        case .file(let path): try FileDiscovery(path: path, logger: logger)
        case .dns(let host, let port): DNSDiscovery(host: host, port: port, logger: logger)
        }
    }
}
