public import ArgumentParser
import Logging
public import Rookery
import RookeryTesting

extension Logger {
    /// Discards every log line, because the command itself prints each failure once.
    static let silence = Logger(label: "rookery") { _ in SwiftLogNoOpLogHandler() }
}

extension Fault: ExpressibleByArgument {
    /// Reads a fault such as `delay=100ms`. Returns nil for any other text.
    public init?(argument: String) { self.init(argument) }
}

extension Pattern: ExpressibleByArgument {
    /// Reads a JSON object when the text begins with `{`. Takes any other text as a string pattern.
    ///
    /// Returns nil when the object is malformed.
    public init?(argument: String) {
        if argument.first == "{" {
            guard case .object(let object)? = try? JSONValue(parsing: argument) else { return nil }
            self.init(object: object)
        } else {
            self.init(argument)
        }
    }
}

extension JSONValue: ExpressibleByArgument {
    /// The JSON text that `--help` shows as the default.
    public var defaultValueDescription: String { jsonText }

    /// Parses any JSON value. Returns nil when the text is malformed.
    public init?(argument: String) {
        guard let value = try? JSONValue(parsing: argument) else { return nil }
        self = value
    }
}
