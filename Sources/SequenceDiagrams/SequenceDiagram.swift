import Foundation

/// A sequence diagram, as far as the flows use Mermaid's language: participants, messages, replies, notes and alternatives.
public struct SequenceDiagram: Sendable, Hashable {
    /// An arrow of a diagram.
    public struct Message: Sendable, Hashable {
        /// The participant where the arrow begins.
        public let from: String
        /// The participant where it ends.
        public let to: String
        /// The text along it.
        public let text: String
        /// Whether it is a reply, which has a dashed line.
        public let isReply: Bool

        /// Makes an arrow.
        public init(from: String, to: String, text: String, isReply: Bool = false) {
            self.from = from
            self.to = to
            self.text = text
            self.isReply = isReply
        }
    }

    /// One way on, of several.
    public struct Branch: Sendable, Hashable {
        /// What names it, such as `Token Invalid`.
        public let label: String
        /// What happens in it.
        public let steps: [Step]
    }

    /// What a diagram has, from top to bottom.
    public indirect enum Step: Sendable, Hashable {
        case message(Message)
        case note(over: String, text: String)
        case alternatives([Branch])
    }

    /// The heading above the diagram. Empty without one.
    public let title: String
    /// The names of the participants, from left to right.
    public let participants: [String]
    /// The steps, from top to bottom.
    public let steps: [Step]

    /// Makes a diagram.
    public init(title: String, participants: [String], steps: [Step]) {
        self.title = title
        self.participants = participants
        self.steps = steps
    }

    /// Reads the first Mermaid sequence diagram of a Markdown text. Nil if it has none. Lines of other kinds are left out.
    public init?(markdown: String) {
        let lines = markdown.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        guard let begin = lines.firstIndex(of: "sequenceDiagram") else { return nil }
        var body = lines[(begin + 1)...].prefix { $0 != "```" }
        title =
            lines[..<begin].last { $0.hasPrefix("# ") || $0.hasPrefix("## ") }?.drop { $0 == "#" || $0 == " " }
            .description ?? ""
        participants = body.filter { $0.hasPrefix("participant ") }.map { String($0.dropFirst("participant ".count)) }
        steps = Self.parse(&body)
    }

    private static func parse(_ lines: inout ArraySlice<String>) -> [Step] {
        var steps: [Step] = []
        while let line = lines.first, line != "end", !line.hasPrefix("else") {
            lines.removeFirst()
            if line.hasPrefix("alt ") {
                var branches = [Branch(label: String(line.dropFirst(4)), steps: parse(&lines))]
                while let next = lines.first, next.hasPrefix("else") {
                    lines.removeFirst()
                    let label = next.dropFirst(4).trimmingCharacters(in: .whitespaces)
                    branches.append(Branch(label: label, steps: parse(&lines)))
                }
                lines = lines.dropFirst()
                steps.append(.alternatives(branches))
            } else if line.hasPrefix("Note over "), let colon = line.range(of: ": ") {
                let over = line[line.index(line.startIndex, offsetBy: "Note over ".count)..<colon.lowerBound]
                steps.append(.note(over: String(over), text: String(line[colon.upperBound...])))
            } else if let message = message(line) {
                steps.append(.message(message))
            }
        }
        return steps
    }

    private static func message(_ line: String) -> Message? {
        for (arrow, isReply) in [("-->>", true), ("->>", false)] {
            guard let range = line.range(of: arrow), let colon = line.range(of: ": ") else { continue }
            return Message(
                from: String(line[..<range.lowerBound]), to: String(line[range.upperBound..<colon.lowerBound]),
                text: String(line[colon.upperBound...]), isReply: isReply)
        }
        return nil
    }

    /// The diagram in Mermaid's language, in the layout of `docs/flows`.
    public var mermaid: String {
        var lines = ["sequenceDiagram"] + participants.map { "    participant \($0)" } + [""]
        func write(_ steps: [Step], _ indent: String) {
            for step in steps {
                switch step {
                case .message(let message):
                    let arrow = message.isReply ? "-->>" : "->>"
                    lines.append("\(indent)\(message.from)\(arrow)\(message.to): \(message.text)")
                case .note(let over, let text): lines.append("\(indent)Note over \(over): \(text)")
                case .alternatives(let branches):
                    for (at, branch) in branches.enumerated() {
                        lines.append("\(indent)\(at == 0 ? "alt" : "else") \(branch.label)")
                        write(branch.steps, indent + "    ")
                    }
                    lines.append("\(indent)end")
                }
            }
        }
        write(steps, "    ")
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the client asks for first, such as `POST /api/bookings`. Nil if no client asks.
    public var operation: String? {
        for case .message(let message) in steps where message.from == Self.client && !message.isReply {
            return message.text
        }
        return nil
    }

    /// The participant that stands for the users of the system.
    public static let client = "Client"
}
