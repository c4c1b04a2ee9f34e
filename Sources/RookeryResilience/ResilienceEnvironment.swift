public import NIOCore

/// Where policies get the time and their chances, so that a test can say what they are.
public struct ResilienceEnvironment: Sendable {
    /// The time.
    public var now: @Sendable () -> NIODeadline
    /// Waits; throws when the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void
    /// A number from 0 to 1, evenly.
    public var random: @Sendable () -> Double

    /// The real time, and the system's chances.
    public init(
        now: @escaping @Sendable () -> NIODeadline = { .now() },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.now = now
        self.sleep = sleep
        self.random = random
    }
}
