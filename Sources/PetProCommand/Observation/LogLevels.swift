import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The lowest level of the lines that this process logs. Signals change it while the process runs.
final class LogLevels: Sendable {
    /// The level at the start.
    let first: Logger.Level
    /// The level's place among all. An atomic, because each line asks for it, most of them to be left out.
    private let place: Atomic<Int>
    private static let all = Logger.Level.allCases

    /// Begins with a level.
    init(_ first: Logger.Level) {
        self.first = first
        place = Atomic(Self.place(of: first))
    }

    private static func place(of level: Logger.Level) -> Int { all.firstIndex(of: level) ?? 0 }

    /// The level now.
    var current: Logger.Level { Self.all[place.load(ordering: .relaxed)] }

    /// Changes the level as a signal asks: SIGUSR1 for more lines by one level, SIGUSR2 for the level at the start. Returns the new
    /// level. At the lowest level, and for other signals, nothing changes.
    func take(_ signal: UnixSignal) -> Logger.Level {
        switch signal {
        case .sigusr1: place.store(max(0, Self.place(of: current) - 1), ordering: .relaxed)
        case .sigusr2: place.store(Self.place(of: first), ordering: .relaxed)
        default: break
        }
        return current
    }

    /// Waits for the signals. Each change is a log line, which is written at whatever level is set.
    func service(_ logger: Logger) -> any Service { LevelSwitch(levels: self, logger: logger) }

    private struct LevelSwitch: Service {
        let levels: LogLevels
        let logger: Logger

        func run() async throws {
            await cancelWhenGracefulShutdown {
                for await signal in await UnixSignalsSequence(trapping: .sigusr1, .sigusr2) {
                    let level = levels.take(signal)
                    logger.log(level: level, "the log level changed", metadata: ["logLevel": "\(level)"])
                }
            }
        }
    }
}
