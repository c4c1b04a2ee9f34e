import Logging

/// Passes the lines on whose level is at least the process's. A logger whose own level is set keeps that.
struct LeveledLogHandler: LogHandler {
    private var base: any LogHandler
    private let levels: LogLevels
    private var own: Logger.Level?

    /// Makes a handler before another one, which writes the lines.
    init(_ base: any LogHandler, _ levels: LogLevels) {
        self.base = base
        self.levels = levels
    }

    var logLevel: Logger.Level {
        get { own ?? levels.current }
        set { own = newValue }
    }
    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }
    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { base.log(event: event) }
}
