import Rookery
import SequenceDiagrams

extension ConsoleJSON {
    /// A flow with its diagrams, and how often each of its ways, branches and arrows was taken.
    static func flow(_ flow: Flow, _ numbers: FlowCounts.Numbers) -> JSONValue {
        let ways = flow.paths.map { (path: $0, count: numbers.ways[$0.branches] ?? 0) }
        func diagram(_ diagram: SequenceDiagram) -> JSONValue {
            var counting = StepCounts(ways: ways)
            return [
                "title": .string(diagram.title), "participants": .array(diagram.participants.map { .string($0) }),
                "steps": .array(counting.steps(diagram.steps)), "mermaid": .string(diagram.mermaid),
                "ways": .array(
                    diagram.paths.map { path in
                        [
                            "branches": .array(path.branches.map { .string($0) }),
                            "status": path.status.map { .int(Int64($0)) } ?? .null,
                            "arrows": .array(path.arrows.map { .string($0.description) }),
                            "count": .int(Int64(numbers.ways[path.branches] ?? 0)),
                        ]
                    }),
            ]
        }
        return [
            "name": .string(flow.name), "operation": flow.diagram.operation.map { .string($0) } ?? .null,
            "diagram": diagram(flow.diagram), "beyond": flow.beyond.map(diagram) ?? .null,
            "strays": .int(Int64(numbers.strays)),
        ]
    }

    /// Follows the steps of a diagram, and counts the requests that came to each. A request that took a way of the other diagram of the
    /// flow came to the arrows that both have.
    private struct StepCounts {
        let ways: [(path: SequencePath, count: Int)]
        /// The ways on which one can be before the next step.
        var places = [SequencePath(arrows: [], status: nil)]

        init(ways: [(path: SequencePath, count: Int)]) { self.ways = ways }

        mutating func steps(_ steps: [SequenceDiagram.Step]) -> [JSONValue] { steps.map { step($0) } }

        private mutating func step(_ step: SequenceDiagram.Step) -> JSONValue {
            switch step {
            case .message(let message):
                places = places.map { $0.after(message) }
                return [
                    "from": .string(message.from), "to": .string(message.to), "text": .string(message.text),
                    "reply": .bool(message.isReply), "count": .int(Int64(count(message))),
                ]
            case .note(let over, let text): return ["over": .string(over), "note": .string(text)]
            case .alternatives(let branches):
                let before = places
                var after: [SequencePath] = []
                let alternatives: [JSONValue] = branches.map { branch in
                    places = before.map { $0.taking(branch.label) }
                    let count = sum { way in places.contains { way.branches.starts(with: $0.branches) } }
                    let steps = steps(branch.steps)
                    after += places
                    return ["label": .string(branch.label), "count": .int(Int64(count)), "steps": .array(steps)]
                }
                places = after
                return ["alternatives": .array(alternatives)]
            }
        }

        /// How many requests came to a message. Of an answer between services and of what a service does by itself, that is how many came to
        /// the call before it.
        private func count(_ message: SequenceDiagram.Message) -> Int {
            if message.isReply, message.to == SequenceDiagram.client {
                return sum { way in places.contains { way.branches == $0.branches && way.status == $0.status } }
            }
            return sum { way in places.contains { way.arrows.starts(with: $0.arrows) } }
        }

        private func sum(_ isCounted: (SequencePath) -> Bool) -> Int {
            ways.reduce(0) { $0 + (isCounted($1.path) ? $1.count : 0) }
        }
    }
}
