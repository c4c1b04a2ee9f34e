package import PetProContracts

/// What the console asks one instance.
package struct InstanceClient: Sendable {
    let telemetry: any TelemetryAPI
    let faults: any FaultAPI
    /// Closes the connection.
    let close: @Sendable () async -> Void

    /// Makes a client of an instance.
    package init(
        telemetry: any TelemetryAPI, faults: any FaultAPI, close: @escaping @Sendable () async -> Void
    ) {
        self.telemetry = telemetry
        self.faults = faults
        self.close = close
    }
}
