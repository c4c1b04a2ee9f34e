import PetProContracts
import Rookery
import Synchronization

/// The faults that someone has begun in the console, until they end.
final class FaultBoard: Sendable {
    private let faults = Mutex<[String: (fault: SetFault, until: ContinuousClock.Instant)]>([:])

    /// Notes a fault of an instance, by service and address.
    func note(_ fault: SetFault, of instance: String) {
        faults.withLock { $0[instance] = (fault, .now + .seconds(fault.seconds)) }
    }

    /// The fault of an instance, and how long it still lasts. Nil if it behaves.
    subscript(instance: String) -> (kind: SetFault.Kind, left: Duration)? {
        faults.withLock { faults in
            guard let (fault, until) = faults[instance], fault.kind != .none, until > .now else {
                faults[instance] = nil
                return nil
            }
            return (fault.kind, ContinuousClock.now.duration(to: until))
        }
    }
}
