/// The default timeouts of a client's calls.
package struct CallDefaults: Sendable, Hashable {
    /// The timeout of a call, all attempts included. For a stream, the longest silence. Default 5000 ms.
    package var timeout: Duration
    /// The timeouts of single commands, by their wire names. They take precedence over the timeouts in the contract.
    package var commandTimeouts: [String: Duration]

    package init(timeout: Duration = .milliseconds(5000), commandTimeouts: [String: Duration] = [:]) {
        self.timeout = timeout
        self.commandTimeouts = commandTimeouts
    }
}
