import NIOConcurrencyHelpers

// Part of no target: `./dev tsan` adds it to a copy of the sources.

/// A lock in place of Synchronization's `Mutex`, which waits in the kernel by itself on Linux, so that the thread sanitizer does
/// not see what it orders. This one is a lock of the system's thread library, which the sanitizer watches.
package final class Mutex<Value>: @unchecked Sendable {
    private let lock = NIOLock()
    private nonisolated(unsafe) var value: Value

    package init(_ value: consuming sending Value) { self.value = value }

    package func withLock<Result, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
