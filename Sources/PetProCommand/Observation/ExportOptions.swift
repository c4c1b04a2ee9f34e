import CommandSupport
import Foundation
import OTLPTraces

/// The export of spans, as the environment says.
enum ExportOptions {
    /// Reads the `OTEL_*` variables. Nil if they ask for no export. `service` is the default of `service.name`.
    ///
    /// Throws ``CommandSupport/CommandFailure`` that names the variable which cannot be used.
    static func settings(of service: String) throws -> ExportSettings? {
        do {
            return try ExportSettings(ProcessInfo.processInfo.environment, service: service)
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
