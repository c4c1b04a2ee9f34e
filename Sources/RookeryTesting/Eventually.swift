/// It never came to be.
package struct NeverCame: Error {}

/// Looks until it is so, for at most ten seconds. Throws ``NeverCame`` when it never was.
package func eventually(_ condition: () async throws -> Bool) async throws {
    // Mostly it is so at once, or as soon as others have had their turn.
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
