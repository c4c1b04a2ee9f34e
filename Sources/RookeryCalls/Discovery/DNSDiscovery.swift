import Foundation
package import Logging
import NIOPosix
package import RookeryPolicies
import Synchronization

/// The instances behind a host name: all its addresses, at one port.
///
/// The discovery resolves the name again in every interval, and sooner after a connection was lost. If the name cannot
/// be resolved, the last list stays in use.
package final class DNSDiscovery: Discovery {
    /// Returns the addresses of a name. Throws if there are none.
    package typealias Resolve = @Sendable (String) async throws -> [String]

    /// Empty: ``watch(_:)`` resolves the name first, so that the start of a program does not wait for DNS.
    package let initial: [Instance] = []
    private let host: String
    private let port: Int
    private let interval: Duration
    private let environment: CallEnvironment
    private let resolve: Resolve
    private let logger: Logger
    private let isSuspected = Atomic<Bool>(false)

    /// Makes a discovery that resolves `host` every `interval`, by default 5 s.
    package init(
        host: String, port: Int, interval: Duration = .seconds(5),
        environment: CallEnvironment = CallEnvironment(), logger: Logger,
        resolve: @escaping Resolve = DNSDiscovery.system
    ) {
        self.host = host
        self.port = port
        self.interval = interval
        self.environment = environment
        self.resolve = resolve
        self.logger = logger
    }

    /// Makes ``watch(_:)`` resolve the name again within a fifth of the interval.
    package func suspect() { isSuspected.store(true, ordering: .relaxed) }

    /// Calls `changed` with every list that differs from the one before.
    ///
    /// Throws `CancellationError` when the task is cancelled.
    package func watch(_ changed: ([Instance]) async -> Void) async throws {
        var last: [Instance] = []
        while true {
            isSuspected.store(false, ordering: .relaxed)
            do {
                let instances = try await resolve(host).sorted().map { Instance(host: $0, port: port) }
                if instances != last, !instances.isEmpty {
                    last = instances
                    await changed(instances)
                }
            } catch let error as CancellationError {
                throw error
            } catch {
                logger.warning(
                    "cannot resolve a host name; the last list stays in use",
                    metadata: ["host": "\(host)", "error": "\(error)"])
            }
            for _ in 0..<5 {
                try await environment.sleep(interval / 5)
                if isSuspected.load(ordering: .relaxed) { break }
            }
        }
    }

    /// Why a name has no addresses.
    package struct Unresolved: Error, CustomStringConvertible {
        /// The resolver's error text.
        package let description: String

        /// Makes an error with the resolver's text.
        package init(description: String) { self.description = description }
    }

    /// Asks the system's resolver, on a thread of NIO's pool because the call blocks. Throws ``Unresolved``.
    package static func system(_ host: String) async throws -> [String] {
        try await NIOThreadPool.singleton.runIfActive {
            var hints = addrinfo()
            #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            #else
            hints.ai_socktype = SOCK_STREAM
            #endif
            var first: UnsafeMutablePointer<addrinfo>?
            let status = getaddrinfo(host, nil, &hints, &first)
            guard status == 0 else { throw Unresolved(description: String(cString: gai_strerror(status))) }
            defer { freeaddrinfo(first) }
            var addresses: [String] = []
            var next = first
            while let entry = next?.pointee {
                var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                let length = socklen_t(text.count)
                if getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, length, nil, 0, NI_NUMERICHOST) == 0 {
                    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                    let address = String(decoding: bytes, as: UTF8.self)
                    if !addresses.contains(address) { addresses.append(address) }
                }
                next = entry.ai_next
            }
            return addresses
        }
    }
}
