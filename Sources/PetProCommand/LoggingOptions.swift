import ArgumentParser
import CommandSupport
import Logging
import Rookery

struct LoggingOptions: ParsableArguments {
    @Option(help: "The lowest level to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    func validate() throws {
        if Logger.Level(rawValue: logLevel) == nil {
            throw ValidationError("--log-level must be trace, debug, info, notice, warning, error or critical")
        }
    }

    /// Sets up logging to standard error and returns the program's logger.
    ///
    /// Call it once, before any code creates a logger.
    func logger() -> Logger {
        let level = Logger.Level(rawValue: logLevel) ?? .notice
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "petpro")
    }
}
