package import RookeryCore
import RookeryWire
import Tracing
import RookeryPolicies

/// Carries calls to one instance.
package protocol InstanceTransport: ClientTransport {
    /// Takes no more calls; returns when those under way are answered, and closes.
    func drain() async

    /// Returns when the peer has answered, whatever it says. Throws ``RookeryCore/CallError`` when it does not in time.
    func ping(timeout: Duration) async throws
}
