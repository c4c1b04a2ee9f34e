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
        var lastFailure = ""
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
        try paths.map { try Data(contentsOf: URL(filePath: $0)) }
    }

    /// The last value that could be parsed, and its number: it rises with each change.
    package var current: (value: Value, version: Int) { state.withLock { ($0.value, $0.version) } }

    /// Reads the files again, unless that was done less than `interval` ago. Returns whether the value has changed.
    ///
    /// Reads on the calling thread. The files are small.
    @discardableResult
    package func reload(at now: NIODeadline = .now(), atMostEvery interval: TimeAmount = .zero) -> Bool {
        let isDue = state.withLock { state in
            guard now >= state.readAt + interval else { return false }
            state.readAt = now
            return true
        }
        guard isDue else { return false }
        let read = Result { try Self.read(paths) }
        return state.withLock { state in
            do {
                let contents = try read.get()
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
