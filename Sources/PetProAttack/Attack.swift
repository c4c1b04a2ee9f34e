import PetProTesting
import Synchronization

/// Behaviour of clients that must not harm other clients.
struct Attack: Sendable {
    let name: String
    /// The least number of actions in the tally. With fewer, the attack does not count.
    let atLeast: Int
    /// How many times the limit of the p99 latency holds. Above 1 for a peer that may use the processor as the customers do.
    let p99: Double
    /// Whether an answer of this kind shows a failure of the platform. Default: kinds that begin with `500`.
    let isHarm: @Sendable (_ kind: String) -> Bool
    /// Runs the attack until its task is cancelled.
    let run: @Sendable (PlatformProcess, Tally) async throws -> Void

    init(
        _ name: String, atLeast: Int, p99: Double = 1,
        isHarm: @escaping @Sendable (String) -> Bool = { $0.hasPrefix("500") },
        run: @escaping @Sendable (PlatformProcess, Tally) async throws -> Void
    ) {
        self.name = name
        self.atLeast = atLeast
        self.p99 = p99
        self.isHarm = isHarm
        self.run = run
    }

    /// All attacks, in the order in which they run. The large texts of ``fatTexts`` remain for the later attacks.
    static let all: [Attack] = [
        fatTexts, logins, slowClients, streams, pipelinedReplies, pipelinedByService, hugeFrames, neverReads,
    ]

    /// Returns one of 250 loopback addresses of a network, so that attackers come from many addresses.
    static func address(_ network: Int, _ number: Int) -> String {
        "127.0.\(network).\(1 + number % 250)"
    }

    /// Runs `count` copies of `body` concurrently, each in a loop, until its task is cancelled.
    ///
    /// The copies start evenly over `time`, by default all at once. After an error, a copy waits 50 ms.
    static func crowd(
        _ count: Int, within time: Duration = .zero, _ body: @escaping @Sendable (_ number: Int) async throws -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for number in 0..<count {
                group.addTask {
                    // The sleep throws only on cancellation, which the loop checks.
                    try? await Task.sleep(for: time * number / count)
                    while !Task.isCancelled {
                        do {
                            try await body(number)
                        } catch {
                            // The platform refused or closed the connection.
                            try? await Task.sleep(for: .milliseconds(50))
                        }
                    }
                }
            }
        }
    }
}
