import Logging
import Synchronization
import Testing
import UnixSignals

@testable import PetProCommand

@Suite("The log level")
struct LogLevelsTests {
    @Test("falls by one with each SIGUSR1, to the lowest, and is the first one again with SIGUSR2")
    func signals() {
        let levels = LogLevels(.notice)
        #expect(levels.take(.sigusr1) == .info)
        #expect(levels.take(.sigusr1) == .debug)
        for _ in 0..<3 { #expect(levels.take(.sigusr1) == .trace) }
        #expect(levels.take(.sigusr2) == .notice && levels.current == .notice)
        #expect(levels.take(.sighup) == .notice)
    }

    @Test("holds for loggers that exist, but not for one whose own level is set")
    func loggers() {
        let levels = LogLevels(.notice)
        let written = Lines()
        let logger = Logger(label: "test") { _ in LeveledLogHandler(written.handler, levels) }
        var own = logger
        own.logLevel = .error
        logger.info("1")
        _ = levels.take(.sigusr1)
        logger.info("2")
        own.info("3")
        _ = levels.take(.sigusr2)
        logger.info("4")
        own.error("5")
        #expect(written.all == ["2", "5"])
    }

    /// Keeps the messages that reach it.
    private final class Lines: Sendable {
        private let messages = Mutex<[String]>([])
        var all: [String] { messages.withLock { $0 } }
        var handler: any LogHandler { Handler(lines: self) }

        private struct Handler: LogHandler {
            let lines: Lines
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.trace
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }
            func log(event: LogEvent) { lines.messages.withLock { $0.append(event.message.description) } }
        }
    }
}
