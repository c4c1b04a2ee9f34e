import CommandSupport
import Foundation
import NIOCore
import PetProTesting

/// One round of a platform, beside others.
struct Round: Sendable {
    /// Answers a second.
    let rate: Double
    /// The processor time of the platform for each answer, in microseconds. Not a number where the system does not tell it.
    let processorTime: Double
    /// The median and the 99th percentile of the latencies, in milliseconds.
    let p50, p99: Double
    /// Requests that were not answered with success.
    let failed: Int

    /// The columns of a table of platforms side by side. `base` is what the others are compared with.
    static func columns(_ base: String) -> [String] {
        ["rate", "p50", "p99", "failed", "processor time of a request", "of it more than \(base)", "standard error"]
    }
}

extension Bench {
    /// How many rounds there are.
    static let roundCount = 20

    /// Loads several platforms at once, so that other load on the machine affects all of them alike.
    func sideBySide(
        _ platforms: [(PlatformProcess, Flows)], _ names: [String], _ shape: HTTPLoad.Shape = .closed(connections: 32),
        request: @escaping @Sendable (Flows) -> ByteBuffer = { $0.availability() }
    ) async throws -> [[Round]] {
        var rounds: [[Round]] = platforms.map { _ in [] }
        for round in 0..<(profiles == nil ? Self.roundCount : 1) {
            let results = try await withThrowingTaskGroup(of: (Int, Round).self) { group in
                for at in platforms.indices {
                    let (platform, flows) = platforms[at]
                    group.addTask {
                        let before = platform.processorTime
                        let result = try await load(
                            "side by side: \(names[at])", shape, port: platform.port,
                            seconds: seconds / 4, warmUp: 0.25, profiled: platform, isQuiet: !isJSON
                        ) { _ in request(flows) }
                        let used = before.flatMap { before in platform.processorTime.map { $0 - before } }
                        return (
                            at,
                            Round(
                                rate: result.rate,
                                processorTime: used.map { $0 / .microseconds(1) / Double(max(1, result.total)) }
                                    ?? .nan, p50: result.latency(50), p99: result.latency(99),
                                failed: result.refused + result.others.values.reduce(0, +))
                        )
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for (at, result) in results { rounds[at].append(result) }
            Terminal.note(
                "  round \(round + 1): "
                    + rounds.compactMap(\.last).map { String(format: "%.1f µs", $0.processorTime) }.joined(
                        separator: ", "))
        }
        return rounds
    }

    /// Adds a row for each platform. The first one is what the others are compared with, round by round.
    func add(_ names: [String], _ rounds: [[Round]], to table: inout Table) {
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
        for (name, own) in zip(names, rounds) {
            let costs = zip(rounds[0], own).map { $1.processorTime / $0.processorTime - 1 }
            let cost = mean(costs)
            let variance = costs.map { ($0 - cost) * ($0 - cost) }.reduce(0, +) / Double(max(1, costs.count - 1))
            let error = (variance / Double(costs.count)).squareRoot()
            let isBase = name == names[0]
            // The median of the rounds: one of them may have met other load of the machine.
            func median(_ latencies: [Double]) -> String { latencies.sorted()[latencies.count / 2].milliseconds }
            table.add(
                name, mean(own.map(\.rate)).perSecond, median(own.map(\.p50)), median(own.map(\.p99)),
                "\(own.map(\.failed).reduce(0, +))",
                String(format: "%.1f µs", mean(own.map(\.processorTime))),
                isBase ? "" : String(format: "%.1f %%", 100 * cost),
                isBase ? "" : String(format: "%.1f %%", 100 * error))
        }
    }
}
