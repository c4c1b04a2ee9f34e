import ArgumentParser
import Logging
import Rookery
import RookeryCore
import Tracing

/// How log lines are written.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

extension Logger.MetadataProvider {
    /// Adds the id of the trace to which a line belongs, as `trace`, if there is one.
    static let trace = Logger.MetadataProvider {
        guard let identity = ServiceContext.current?.traceparent else { return [:] }
        return ["trace": "\(identity.traceID)"]
    }
}
