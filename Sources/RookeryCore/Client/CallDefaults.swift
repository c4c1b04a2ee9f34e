/// How long calls may take when their callers say nothing.
package struct CallDefaults: Sendable, Hashable {
    /// For the whole call; for streams, how long they may be silent. Default 5000 ms.
    package var timeout: Duration
    /// For some commands, by their names on the wire; they go before what the contract declares.
    package var commandTimeouts: [String: Duration]

    package init(timeout: Duration = .milliseconds(5000), commandTimeouts: [String: Duration] = [:]) {
        self.timeout = timeout
        self.commandTimeouts = commandTimeouts
    }
}
