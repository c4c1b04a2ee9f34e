import CommandSupport
import Foundation
import NIOCore
import PetProTesting

/// One round of a platform, beside others.
struct Turn: Sendable {
    /// Answers a second.
    let rate: Double
    /// The processor time of the platform for each answer, in microseconds. By the rate where the system does not tell it.
    let processorTime: Double
    /// The 99th percentile of the latencies, in milliseconds.
    let p99: Double
    /// Requests that were not answered with success.
    let failed: Int

    /// The columns of a table of turns. `base` is what the others are compared with.
    static func columns(_ base: String) -> [String] {
        ["rate", "p99", "failed", "processor time of a request", "of it more than \(base)", "standard error"]
    }
}

extension Bench {
    static let rounds = 20

    /// Loads several platforms at once, so that other load on the machine affects all of them alike. Each round starts with another one.
    func sideBySide(
        _ platforms: [(PlatformProcess, Flows)], _ names: [String], connections: Int = 32,
        request: @escaping @Sendable (Flows) -> ByteBuffer = { $0.availability() }
    ) async throws -> [[Turn]] {
        var turns: [[Turn]] = platforms.map { _ in [] }
        for round in 0..<(profiles == nil ? Self.rounds : 1) {
            let order = platforms.indices.map { ($0 + round) % platforms.count }
            let results = try await withThrowingTaskGroup(of: (Int, Turn).self) { group in
                for at in order {
                    let (platform, flows) = platforms[at]
                    group.addTask {
                        let before = platform.processorTime
                        let result = try await load(
                            "side by side: \(names[at])", .closed(connections: connections), port: platform.port,
                            seconds: seconds / 4, warmUp: 0.25, profiled: platform, isQuiet: !isJSON
                        ) { _ in request(flows) }
                        let used = before.flatMap { before in platform.processorTime.map { $0 - before } }
                        return (
                            at,
                            Turn(
                                rate: result.rate,
                                processorTime: used.map { $0 / .microseconds(1) / Double(max(1, result.total)) }
                                    ?? 1e6 / result.rate, p99: result.latency(99),
                                failed: result.refused + result.others.values.reduce(0, +))
                        )
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for (at, turn) in results { turns[at].append(turn) }
            Terminal.note(
                "  round \(round + 1): "
                    + turns.compactMap(\.last).map { String(format: "%.1f µs", $0.processorTime) }.joined(
                        separator: ", "))
        }
        return turns
    }

    /// Adds a row for each platform. The first one is what the others are compared with, round by round.
    func add(_ names: [String], _ turns: [[Turn]], to table: inout Table) {
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
        for (name, own) in zip(names, turns) {
            let costs = zip(turns[0], own).map { $1.processorTime / $0.processorTime - 1 }
            let cost = mean(costs)
            let variance = costs.map { ($0 - cost) * ($0 - cost) }.reduce(0, +) / Double(max(1, costs.count - 1))
            let error = (variance / Double(costs.count)).squareRoot()
            let isBase = name == names[0]
            // The median of the rounds: one of them may have met other load of the machine.
            let p99 = own.map(\.p99).sorted()[own.count / 2]
            table.add(
                name, mean(own.map(\.rate)).perSecond, p99.milliseconds, "\(own.map(\.failed).reduce(0, +))",
                String(format: "%.1f µs", mean(own.map(\.processorTime))),
                isBase ? "" : String(format: "%.1f %%", 100 * cost),
                isBase ? "" : String(format: "%.1f %%", 100 * error))
        }
    }
}
