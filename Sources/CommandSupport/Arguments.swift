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
