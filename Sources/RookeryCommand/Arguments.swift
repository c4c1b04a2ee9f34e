public import ArgumentParser
import Logging
public import Rookery
import RookeryTesting

extension Logger {
    /// What goes wrong is said by the command, once, and not by a log as well.
    static let silence = Logger(label: "rookery") { _ in SwiftLogNoOpLogHandler() }
}

extension Fault: ExpressibleByArgument {
    /// `delay=100ms` and the like.
    public init?(argument: String) { self.init(argument) }
}

extension Pattern: ExpressibleByArgument {
    /// An object when the text is one, else the text itself.
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
    /// What `--help` shows for a default.
    public var defaultValueDescription: String { jsonText }

    /// Any JSON.
    public init?(argument: String) {
        guard let value = try? JSONValue(parsing: argument) else { return nil }
        self = value
    }
}

extension Duration: @retroactive ExpressibleByArgument {
    /// A number with `ms`, `s`, `m` or nothing, which means seconds.
    public init?(argument: String) { self.init(text: argument.last?.isNumber == true ? argument + "s" : argument) }

    /// Throws unless it is longer than 0.
    func requireSomeTime(_ option: String) throws {
        if self <= .zero { throw ValidationError("\(option) must be longer than 0") }
    }
}
