package import Foundation
package import Logging
package import NIOCore
import Synchronization

/// A value in files, which operators change while the program runs: a keyring, a key, a certificate with its key.
///
/// If a file is gone or cannot be parsed, the last value stays in use, because files that are being written may be
/// incomplete, and of several one is changed first. The reason is logged once.
package final class WatchedFile<Value: Sendable>: Sendable {
    private struct State {
        var contents: [Data]
        var value: Value
        var version = 0
        var readAt: NIODeadline
        /// The number of the last read that began, and of the last one whose content was kept.
        var reads = 0
        var kept = 0
        var lastFailure = ""
    }

    /// A file that cannot be read.
    private struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    /// The paths of the files.
    package let paths: [String]
    private let what: String
    private let parse: @Sendable ([Data]) throws -> Value
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the files a first time. `what` names the value in the log: `keyring`. `parse` gets the contents in the order
    /// of `paths`. Throws the error of reading or parsing them.
    package init(
        _ paths: [String], _ what: String, logger: Logger, at now: NIODeadline = .now(),
        parse: @escaping @Sendable ([Data]) throws -> Value
    ) throws {
        self.paths = paths
        self.what = what
        self.logger = logger
        self.parse = parse
        let contents = try Self.read(paths)
        state = Mutex(State(contents: contents, value: try parse(contents), readAt: now))
    }

    private static func read(_ paths: [String]) throws -> [Data] {
        try paths.map { path in
            do {
                return try Data(contentsOf: URL(filePath: path))
            } catch {
                throw Unreadable(description: "cannot read \(path): \(error.localizedDescription)")
            }
        }
    }

    /// The last value that could be parsed, and its number: it rises with each change.
    package var current: (value: Value, version: Int) { state.withLock { ($0.value, $0.version) } }

    /// Reads the files again, unless that was done less than `interval` ago. Returns whether the value has changed.
    ///
    /// Reads on the calling thread. The files are small.
    @discardableResult
    package func reload(at now: NIODeadline = .now(), atMostEvery interval: TimeAmount = .zero) -> Bool {
        let read: Int? = state.withLock { state in
            guard now >= state.readAt + interval else { return nil }
            state.readAt = now
            state.reads += 1
            return state.reads
        }
        guard let number = read else { return false }
        let found = Result { try Self.read(paths) }
        return state.withLock { state in
            // A read that began later may have ended first, and has the newer content.
            if number < state.kept { return false }
            state.kept = number
            do {
                let contents = try found.get()
                if contents == state.contents { return false }
                state.value = try parse(contents)
                state.contents = contents
                state.version += 1
                state.lastFailure = ""
                logger.info("read changed files", metadata: ["files": "\(paths)", "what": "\(what)"])
                return true
            } catch {
                let failure = "\(error)"
                if failure != state.lastFailure {
                    state.lastFailure = failure
                    logger.warning(
                        "cannot read changed files; their last content stays in use",
                        metadata: ["files": "\(paths)", "what": "\(what)", "error": "\(failure)"])
                }
                return false
            }
        }
    }
}
