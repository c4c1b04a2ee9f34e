package import Foundation
package import Logging
package import NIOCore
import Synchronization

/// A value in a file, which operators change while the program runs: a keyring, a key, certificates.
///
/// If the file is gone or cannot be parsed, the last value stays in use, because a file that is being written may be
/// incomplete. The reason is logged once.
package final class WatchedFile<Value: Sendable>: Sendable {
    private struct State {
        var bytes: Data
        var value: Value
        var version = 0
        var readAt: NIODeadline
        var lastFailure = ""
    }

    /// The path of the file.
    package let path: String
    private let what: String
    private let parse: @Sendable (Data) throws -> Value
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the file a first time. `what` names it in the log: `keyring`. Throws the error of reading or parsing it.
    package init(
        _ path: String, _ what: String, logger: Logger, at now: NIODeadline = .now(),
        parse: @escaping @Sendable (Data) throws -> Value
    ) throws {
        self.path = path
        self.what = what
        self.logger = logger
        self.parse = parse
        let bytes = try Data(contentsOf: URL(filePath: path))
        state = Mutex(State(bytes: bytes, value: try parse(bytes), readAt: now))
    }

    /// The last value that could be parsed, and its number: it rises with each change.
    package var current: (value: Value, version: Int) { state.withLock { ($0.value, $0.version) } }

    /// Reads the file again, unless that was done less than `interval` ago. Returns whether the value has changed.
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
        let read = Result { try Data(contentsOf: URL(filePath: path)) }
        return state.withLock { state in
            do {
                let bytes = try read.get()
                if bytes == state.bytes { return false }
                state.value = try parse(bytes)
                state.bytes = bytes
                state.version += 1
                state.lastFailure = ""
                logger.info("read a changed file", metadata: ["file": "\(path)", "what": "\(what)"])
                return true
            } catch {
                let failure = "\(error)"
                if failure != state.lastFailure {
                    state.lastFailure = failure
                    logger.warning(
                        "cannot read a changed file; its last content stays in use",
                        metadata: ["file": "\(path)", "what": "\(what)", "error": "\(failure)"])
                }
                return false
            }
        }
    }
}
