import ArgumentParser
import CommandSupport
import Logging
import Rookery

struct LoggingOptions: ParsableArguments {
    @Option(help: "The lowest level to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    @Option(help: "How lines are written: text for people, or json, one object a line, for machines.")
    var logFormat = LogFormat.text

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
        let format = logFormat
        LoggingSystem.bootstrap { label in
            var handler: any LogHandler =
                switch format {
                case .text: StreamLogHandler.standardError(label: label, metadataProvider: .trace)
                case .json: JSONLogHandler(label: label, provider: .trace)
                }
            handler.logLevel = level
            return handler
        }
        return Logger(label: "petpro")
    }
}
