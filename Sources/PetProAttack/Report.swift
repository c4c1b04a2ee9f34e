import Foundation
import Rookery

/// How the attacks affected the well-behaved client.
struct Report: Sendable {
    /// What must hold while an attack runs.
    struct Bounds: Sendable {
        /// The limit of the p99 latency, in milliseconds. Three times the undisturbed p99 is always allowed.
        let p99: Double
        /// The limit of the platform's memory, in MiB.
        let memory: Int
    }

    /// A row of the table.
    struct Row: Sendable {
        let name: String
        let visits: Visitor.Visits
        let memory: Int?
        /// How often attackers got each kind of answer.
        let tally: [String: Int]
        /// The bounds that did not hold.
        let complaints: [String]

        var isGood: Bool { complaints.isEmpty }
        var p50: Double { visits.percentile(0.5) }
        var p99: Double { visits.percentile(0.99) }

        private var largest: ArraySlice<(key: String, value: Int)> {
            tally.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(5)
        }

        fileprivate var text: String {
            let cells = [
                name.padded(to: 34), "\(visits.milliseconds.count)".padded(to: -8), "\(visits.failed)".padded(to: -7),
                p50.short.padded(to: -8), p99.short.padded(to: -8), (memory.map { "\($0)" } ?? "?").padded(to: -7),
            ]
            let steps = visits.steps.map { "\($0.name) \($0.median.short)" }.joined(separator: ", ")
            return cells.joined() + "  (\(steps))  " + largest.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }

        fileprivate var json: JSONValue {
            [
                "name": .string(name), "requests": .int(Int64(visits.milliseconds.count)),
                "failed": .int(Int64(visits.failed)), "p50": .double(p50), "p99": .double(p99),
                "peakMiB": memory.map { .int(Int64($0)) } ?? .null,
                "attackers": .object(tally.reduce(into: JSONObject()) { $0[$1.key] = .int(Int64($1.value)) }),
                "complaints": .array(complaints.map { .string($0) }),
            ]
        }
    }

    let bounds: Bounds
    private(set) var rows: [Row] = []
    private(set) var complaints: [String] = []

    init(_ bounds: Bounds) { self.bounds = bounds }

    var isGood: Bool { rows.allSatisfy(\.isGood) && complaints.isEmpty }

    /// Adds the row without an attack, which the bounds of the other rows refer to.
    mutating func undisturbed(_ visits: Visitor.Visits, memory: Int?) {
        add("undisturbed", visits, memory, [:], limit: nil)
    }

    /// Adds the row of an attack.
    mutating func disturbed(_ attack: Attack, _ visits: Visitor.Visits, memory: Int?, _ tally: Tally) {
        let all = tally.all
        var complaints = all.filter { attack.isHarm($0.key) }.map { "attackers got \($0.key), \($0.value) times" }
        if tally.total < attack.atLeast {
            complaints.append("the attack was too weak: \(tally.total) actions, not \(attack.atLeast)")
        }
        add(
            attack.name, visits, memory, all, limit: attack.p99 * max(bounds.p99, 3 * (rows.first?.p99 ?? 0)),
            complaints)
    }

    private mutating func add(
        _ name: String, _ visits: Visitor.Visits, _ memory: Int?, _ tally: [String: Int], limit: Double?,
        _ others: [String] = []
    ) {
        var complaints = others + visits.failures.map { "\($0.value) requests failed: \($0.key)" }
        if visits.milliseconds.isEmpty { complaints.append("no request was made") }
        let p99 = visits.percentile(0.99)
        if let limit, p99 > limit { complaints.append("p99 \(p99.short) ms, more than \(limit.short)") }
        if let memory, memory > bounds.memory {
            complaints.append("\(memory) MiB of memory, more than \(bounds.memory)")
        }
        rows.append(Row(name: name, visits: visits, memory: memory, tally: tally, complaints: complaints))
    }

    /// Checks how the platform stopped: with exit code 0 and within 30 s.
    mutating func stopped(in time: Duration, code: Int32) {
        if code != 0 { complaints.append("the platform ended with \(code)") }
        if time > .seconds(30) { complaints.append("the platform took \(time) to stop") }
    }

    var text: String {
        let titles = [
            "attack".padded(to: 34), "requests".padded(to: -8), "failed".padded(to: -7), "p50 ms".padded(to: -8),
            "p99 ms".padded(to: -8), "MiB".padded(to: -7), "  what the attackers got",
        ]
        var lines = [titles.joined()]
        for row in rows {
            lines.append(row.text)
            lines += row.complaints.map { "  NOT GOOD: \($0)" }
        }
        lines += complaints.map { "NOT GOOD: \($0)" }
        lines.append(isGood ? "verdict: no attack harmed the well-behaved customers" : "verdict: NOT GOOD")
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "rows": .array(rows.map(\.json)), "complaints": .array(complaints.map { .string($0) }),
            "good": .bool(isGood),
        ]
    }
}

extension String {
    /// Returns the text padded with spaces to `width` characters: on the right, or on the left if `width` is negative.
    fileprivate func padded(to width: Int) -> String {
        let spaces = String(repeating: " ", count: max(1, abs(width) - count))
        return width < 0 ? spaces + self : self + spaces
    }
}

extension Double {
    /// The number with one decimal.
    fileprivate var short: String { String(format: "%.1f", self) }
}
