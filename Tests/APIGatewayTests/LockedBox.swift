import Synchronization

/// A value with a lock that several closures share.
final class LockedBox<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: sending Value) { self.value = Mutex(value) }
}
