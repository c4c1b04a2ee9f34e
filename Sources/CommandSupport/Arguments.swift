public import ArgumentParser
public import Rookery

extension Instance: ExpressibleByArgument {
    /// Reads `HOST:PORT`. Returns nil for any other text.
    public init?(argument: String) { self.init(argument) }
    /// The text that `--help` shows as the default.
    public var defaultValueDescription: String { description }
}

extension InstanceSource: ExpressibleByArgument {
    /// Reads `HOST:PORT`, several of them separated by commas, `file:PATH` or `dns:HOST:PORT`. Returns nil for any
    /// other text.
    public init?(argument: String) { self.init(argument) }
    /// The text that `--help` shows as the default.
    public var defaultValueDescription: String { description }
}

extension Duration: @retroactive ExpressibleByArgument {
    /// Reads a number with the unit `ms`, `s` or `m`. A number without a unit means seconds.
    ///
    /// Returns nil for any other text.
    public init?(argument: String) { self.init(text: argument.last?.isNumber == true ? argument + "s" : argument) }

    /// Throws a `ValidationError` that names `option` unless the duration is longer than 0.
    public func requireSomeTime(_ option: String) throws {
        if self <= .zero { throw ValidationError("\(option) must be longer than 0") }
    }
}
