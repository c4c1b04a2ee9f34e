import ArgumentParser
import CommandSupport
import Logging
import Rookery
import ServiceLifecycle

struct LoggingOptions: ParsableArguments {
    @Option(
        help: """
            The lowest level to log: trace, debug, info, notice, warning, error or critical. While the program runs, SIGUSR1 makes \
            it one lower, and SIGUSR2 resets it.
            """)
    var logLevel = "notice"

    @Option(help: "How lines are written: text for people, or json, one object a line, for machines.")
    var logFormat = LogFormat.text

    func validate() throws {
        if Logger.Level(rawValue: logLevel) == nil {
            throw ValidationError("--log-level must be trace, debug, info, notice, warning, error or critical")
        }
    }

    /// Sets up logging to standard error. Returns the program's logger, and the service that changes its level by signals.
    ///
    /// Call it once, before any code creates a logger.
    func start() -> (logger: Logger, levels: any Service) {
        let levels = LogLevels(Logger.Level(rawValue: logLevel) ?? .notice)
        let format = logFormat
        LoggingSystem.bootstrap { label in
            let handler: any LogHandler =
                switch format {
                case .text: StreamLogHandler.standardError(label: label, metadataProvider: .trace)
                case .json: JSONLogHandler(label: label, provider: .trace)
                }
            return LeveledLogHandler(handler, levels)
        }
        let logger = Logger(label: "petpro")
        return (logger, levels.service(logger))
    }
}
