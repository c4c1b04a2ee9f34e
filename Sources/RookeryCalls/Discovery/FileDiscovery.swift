import Foundation
package import Logging
package import RookeryPolicies

/// The instances that a file lists, one `HOST:PORT` a line. Empty lines and text after a `#` are ignored.
///
/// The discovery reads the file again in every interval. If the file is missing, lists no instance, or has a line that
/// cannot be parsed, the discovery logs a warning and keeps the last list. A file that is being written may be
/// incomplete.
package struct FileDiscovery: Discovery {
    /// The file is not a list of instances.
    package struct Malformed: Error, CustomStringConvertible {
        /// Names the file and, if one line is wrong, the line.
        package let description: String
    }

    /// The instances that the file listed when the discovery was made.
    package let initial: [Instance]
    private let path: String
    private let interval: Duration
    private let environment: CallEnvironment
    private let logger: Logger

    /// Makes a discovery and reads the file a first time. ``watch(_:)`` reads it every `interval`, by default 1 s.
    ///
    /// Throws ``Malformed``, or the error of reading the file.
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

    /// Parses a list. Throws ``Malformed`` for the first wrong line, and for a list without instances.
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
        // An empty list more likely means that the file is being written than that no instance is left.
        if instances.isEmpty { throw Malformed(description: "\(path): names no instance") }
        return instances
    }

    private static func read(_ path: String) throws -> [Instance] {
        try parse(String(contentsOfFile: path, encoding: .utf8), path: path)
    }

    /// Calls `changed` with every list that differs from the one before.
    ///
    /// Throws `CancellationError` when the task is cancelled.
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
                        "cannot read a list of instances; the last list stays in use",
                        metadata: ["path": "\(path)", "error": "\(failure)"])
                }
                lastFailure = failure
            }
        }
    }
}
