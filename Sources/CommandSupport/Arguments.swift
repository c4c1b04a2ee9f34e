public import ArgumentParser
public import Rookery

extension Instance: ExpressibleByArgument {
    /// `HOST:PORT`
    public init?(argument: String) { self.init(argument) }
    /// What `--help` shows for a default.
    public var defaultValueDescription: String { description }
}

extension InstanceSource: ExpressibleByArgument {
    /// `HOST:PORT`, several with commas, `file:PATH` or `dns:HOST:PORT`.
    public init?(argument: String) { self.init(argument) }
    /// What `--help` shows for a default.
    public var defaultValueDescription: String { description }
}
