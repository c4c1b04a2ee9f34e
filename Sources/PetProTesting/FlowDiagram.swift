import Foundation

/// A mermaid sequence diagram, as far as the flows use it.
package struct FlowDiagram {
    indirect enum Step {
        case message(from: String, to: String, text: String, isReply: Bool)
        case alternatives([(label: String, steps: [Step])])
    }

    /// The names of the participants, in their order.
    package let participants: [String]
    private let steps: [Step]

    /// Reads `docs/flows/<name>.md`. Throws when there is none.
    package init(_ name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/flows/\(name).md")
        let text = try String(contentsOf: file, encoding: .utf8)
        var lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }[...]
        participants = lines.filter { $0.hasPrefix("participant ") }.map { String($0.dropFirst("participant ".count)) }
        lines = lines.drop { $0 != "sequenceDiagram" }.prefix { $0 != "```" }
        steps = Self.parse(&lines)
    }

    private static func parse(_ lines: inout ArraySlice<String>) -> [Step] {
        var steps: [Step] = []
        while let line = lines.first, line != "end", !line.hasPrefix("else") {
            lines.removeFirst()
            if line.hasPrefix("alt ") {
                var branches: [(String, [Step])] = [(String(line.dropFirst(4)), parse(&lines))]
                while let next = lines.first, next.hasPrefix("else") {
                    lines.removeFirst()
                    branches.append((next.dropFirst(4).trimmingCharacters(in: .whitespaces), parse(&lines)))
                }
                lines = lines.dropFirst()
                steps.append(.alternatives(branches.map { (label: $0.0, steps: $0.1) }))
            } else if let message = message(line) {
                steps.append(message)
            }
        }
        return steps
    }

    private static func message(_ line: String) -> Step? {
        for (arrow, isReply) in [("-->>", true), ("->>", false)] {
            guard let range = line.range(of: arrow), let colon = line.range(of: ": ") else { continue }
            return .message(
                from: String(line[..<range.lowerBound]), to: String(line[range.upperBound..<colon.lowerBound]),
                text: String(line[colon.upperBound...]), isReply: isReply)
        }
        return nil
    }

    /// The way through the diagram that takes the named alternatives: the calls between services, and the status.
    package func path(_ branches: [String]) -> (calls: [String], status: Int?) {
        var calls: [String] = []
        var status: Int?
        func follow(_ steps: [Step]) {
            for step in steps {
                switch step {
                case .alternatives(let alternatives):
                    if let chosen = alternatives.first(where: { branches.contains($0.label) }) { follow(chosen.steps) }
                case .message(_, "Client", let text, true): status = Int(text.prefix(3))
                case .message("Client", _, _, _): break
                case .message(let from, let to, let text, false) where from != to:
                    calls.append("\(from)>\(to).\(text.prefix { $0 != "(" })")
                case .message: break
                }
            }
        }
        follow(steps)
        return (calls, status)
    }

    /// Every name of an alternative.
    package var labels: Set<String> {
        func all(_ steps: [Step]) -> [String] {
            steps.flatMap { step -> [String] in
                guard case .alternatives(let alternatives) = step else { return [] }
                return alternatives.flatMap { [$0.label] + all($0.steps) }
            }
        }
        return Set(all(steps))
    }
}
