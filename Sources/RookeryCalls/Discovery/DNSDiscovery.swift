import Foundation
package import Logging
import NIOPosix
package import RookeryPolicies
import Synchronization

/// The instances behind a host name: all its addresses, each at the same port.
///
/// The name is resolved again every few seconds, and soon after a connection was lost. An answer that cannot be had changes
/// nothing.
package final class DNSDiscovery: Discovery {
    /// Gives a name's addresses. Throws when there are none.
    package typealias Resolve = @Sendable (String) async throws -> [String]

    /// Nothing: a name is resolved when ``watch(_:)`` begins, not while a program starts.
    package let initial: [Instance] = []
    private let host: String
    private let port: Int
    private let interval: Duration
    private let environment: CallEnvironment
    private let resolve: Resolve
    private let logger: Logger
    private let isSuspected = Atomic<Bool>(false)

    /// Resolves `host` every `interval`, by default 5 s.
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

    /// Has the name resolved within a fifth of the interval.
    package func suspect() { isSuspected.store(true, ordering: .relaxed) }

    /// Tells every list that differs from the one before.
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
                    "a name cannot be resolved; the last answer stays",
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
        /// What the system says.
        package let description: String

        /// Says why.
        package init(description: String) { self.description = description }
    }

    /// Asks the system's resolver, on a thread that may wait.
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
