package import Logging
package import RookeryPolicies

extension InstanceSource {
    /// What finds them. Throws when a file cannot be read.
    package func discovery(logger: Logger) throws -> any Discovery {
        switch self {
        case .list(let instances): StaticDiscovery(instances)
        case .file(let path): try FileDiscovery(path: path, logger: logger)
        case .dns(let host, let port): DNSDiscovery(host: host, port: port, logger: logger)
        }
    }
}
