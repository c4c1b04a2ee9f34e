package import RookeryCore
import RookeryWire
import Tracing
import RookeryPolicies

/// Carries calls to one instance.
package protocol InstanceTransport: ClientTransport {
    /// Takes no more calls. Returns when the calls under way are answered and the connections are closed.
    func drain() async

    /// Returns when the peer answers, whatever it says. Throws ``RookeryCore/CallError`` if no answer comes in time.
    func ping(timeout: Duration) async throws

    /// How many connections are open or being opened.
    var connectionCount: Int { get async }
}

extension InstanceTransport {
    /// None: a transport without connections.
    package var connectionCount: Int { get async { 0 } }
}
