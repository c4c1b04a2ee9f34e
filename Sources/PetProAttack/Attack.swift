import PetProTesting
import Synchronization

/// Something a client can do, and should not get far with.
struct Attack: Sendable {
    let name: String
    /// How often it must have been done for the attack to count as one.
    let atLeast: Int
    /// Whether what it got shows that something broke.
    let isHarm: @Sendable (_ kind: String) -> Bool
    /// Goes on until it is cancelled.
    let run: @Sendable (PlatformProcess, Tally) async throws -> Void

    init(
        _ name: String, atLeast: Int, isHarm: @escaping @Sendable (String) -> Bool = { $0.hasPrefix("500") },
        run: @escaping @Sendable (PlatformProcess, Tally) async throws -> Void
    ) {
        self.name = name
        self.atLeast = atLeast
        self.isHarm = isHarm
        self.run = run
    }

    /// All of them, in the order in which they run: what fat texts leave behind is there for those that follow.
    static let all: [Attack] = [
        fatTexts, logins, slowClients, streams, pipelinedReplies, hugeFrames, neverReads,
    ]

    /// An address of this machine: attackers come from many.
    static func address(_ network: Int, _ number: Int) -> String {
        "127.0.\(network).\(1 + number % 250)"
    }

    /// Does something that many times at once, each over and over, until it is cancelled. They come within a time.
    static func crowd(
        _ count: Int, within time: Duration = .zero, _ body: @escaping @Sendable (_ number: Int) async throws -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for number in 0..<count {
                group.addTask {
                    // Ended early only by cancellation, which the loop sees.
                    try? await Task.sleep(for: time * number / count)
                    while !Task.isCancelled {
                        do {
                            try await body(number)
                        } catch {
                            // Refused, or thrown out: after a moment it tries again.
                            try? await Task.sleep(for: .milliseconds(50))
                        }
                    }
                }
            }
        }
    }
}
