/// The condition did not become true in time.
package struct NeverCame: Error {}

/// Waits until a condition is true, for at most 10 s.
///
/// Throws ``NeverCame`` if it does not become true, and any error that `condition` throws.
package func eventually(_ condition: () async throws -> Bool) async throws {
    // In most cases the condition is true at once, or after other tasks have run.
    for _ in 0..<100 {
        if try await condition() { return }
        await Task.yield()
    }
    let clock = ContinuousClock()
    let end = clock.now + .seconds(10)
    while clock.now < end {
        if try await condition() { return }
        try await clock.sleep(for: .milliseconds(2))
    }
    throw NeverCame()
}
