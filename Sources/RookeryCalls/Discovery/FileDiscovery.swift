import Foundation
package import Logging
package import RookeryPolicies

/// The instances that a file lists, one `HOST:PORT` a line; empty lines, and what follows a `#`, are passed over.
///
/// The file is looked at again and again. One that is gone, or that has a line that cannot be read, is logged and changes
/// nothing: half a list could be no list at all.
package struct FileDiscovery: Discovery {
    /// Why a file is no list of instances.
    package struct Malformed: Error, CustomStringConvertible {
        /// Names file and line.
        package let description: String
    }

    /// The instances of the file as it was when this was made.
    package let initial: [Instance]
    private let path: String
    private let interval: Duration
    private let environment: CallEnvironment
    private let logger: Logger

    /// Reads the file a first time, and then each `interval`, by default every second. Throws ``Malformed``, or what reading
    /// a file throws.
    package init(
        path: String, interval: Duration = .seconds(1), environment: CallEnvironment = CallEnvironment(),
        logger: Logger
    ) throws {
        self.path = path
        self.interval = interval
        self.environment = environment
        self.logger = logger
        initial = try Self.read(path)
    }

    /// Reads a list. Throws ``Malformed`` with the line that is wrong.
    package static func parse(_ text: String, path: String = "") throws(Malformed) -> [Instance] {
        var instances: [Instance] = []
        for (at, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
            if content.isEmpty { continue }
            guard let instance = Instance(content) else {
                throw Malformed(description: "\(path):\(at + 1): must be HOST:PORT, not \(content)")
            }
            instances.append(instance)
        }
        // More likely the file is being written just now than that no instance is left.
        if instances.isEmpty { throw Malformed(description: "\(path): names no instance") }
        return instances
    }

    private static func read(_ path: String) throws -> [Instance] {
        try parse(String(contentsOfFile: path, encoding: .utf8), path: path)
    }

    /// Tells every list that differs from the one before.
    package func watch(_ changed: ([Instance]) async -> Void) async throws {
        var last = initial
        var lastFailure = ""
        while true {
            try await environment.sleep(interval)
            do {
                let instances = try Self.read(path)
                lastFailure = ""
                if instances != last {
                    last = instances
                    await changed(instances)
                }
            } catch {
                let failure = "\(error)"
                if failure != lastFailure {
                    logger.warning(
                        "a list of instances cannot be read; the last one stays",
                        metadata: ["path": "\(path)", "error": "\(failure)"])
                }
                lastFailure = failure
            }
        }
    }
}
