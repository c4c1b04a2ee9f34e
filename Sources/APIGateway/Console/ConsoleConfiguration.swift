package import Rookery

/// How the gateway's console works.
public struct ConsoleConfiguration: Sendable {
    /// Whether there is a console. It needs a tracer that keeps spans. Default true.
    public var isOn = true
    /// How many requests a second the console keeps in demo mode: 200. A person makes fewer, and a load test must not measure the
    /// console.
    static let demoRequests = 200
    /// Whether the data is that of the demo: the console keeps every request, up to ``demoRequests`` a second, and a request from this
    /// machine is an administrator's. Default true.
    public var isDemo = true
    /// How many requests a second the console keeps of those that neither failed nor took long: 0 to 1000. Default 10.
    public var requests = 10
    /// A request that takes at least this long took long, so the console prefers to keep it. More than 0. Default 500 ms.
    public var slow: Duration = .milliseconds(500)
    /// The file of the spans of the last hour. Nil for memory.
    package var file: String?
    /// Opens one session of an administrator, within 15 minutes of the start. Nil for none.
    package var token: String?
    /// The interval at which the console checks that the reader of a stream may still read. Default 30 s.
    package var liveCheck: Duration = .seconds(30)
    /// What programs must show that send spans. Nil: no spans are taken.
    package var tracesToken: String?

    /// Makes a configuration with the defaults.
    public init() {}

    /// What is wrong with a setting. Nil if nothing is.
    package var problem: InvalidSetting? {
        if !(0...1000).contains(requests) { return InvalidSetting("console.requests", "0 to 1000, not \(requests)") }
        return slow > .zero ? nil : InvalidSetting("console.slow", "more than 0")
    }
}
