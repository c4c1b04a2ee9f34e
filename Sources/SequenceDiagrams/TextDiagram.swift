/// Draws a diagram with characters, for a terminal.
public struct TextDiagram {
    private let diagram: SequenceDiagram
    private let width: Int
    private let columns: [String: Int]

    /// Makes a drawing whose lifelines are `width` columns apart, at least 12.
    public init(_ diagram: SequenceDiagram, width: Int = 24) {
        self.diagram = diagram
        self.width = max(12, width)
        columns = Dictionary(
            diagram.participants.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The lines of the drawing.
    public var lines: [String] {
        var header = Array(repeating: Character(" "), count: width * diagram.participants.count)
        for (at, name) in diagram.participants.enumerated() {
            put(String(name.prefix(width - 2)), at: at * width, in: &header)
        }
        return [text(header), text(lifelines)] + lines(of: diagram.steps)
    }

    private func lines(of steps: [SequenceDiagram.Step]) -> [String] {
        steps.flatMap { step -> [String] in
            switch step {
            case .message(let message): [line(message)]
            case .note(_, let text): ["  (\(text))"]
            case .alternatives(let branches):
                branches.flatMap { ["  [\($0.label)]"] + lines(of: $0.steps) }
            }
        }
    }

    private var lifelines: [Character] {
        var line = Array(repeating: Character(" "), count: width * diagram.participants.count)
        for at in diagram.participants.indices { line[at * width] = "│" }
        return line
    }

    private func line(_ message: SequenceDiagram.Message) -> String {
        guard let from = columns[message.from].map({ $0 * width }), let to = columns[message.to].map({ $0 * width })
        else { return "  \(message.from) → \(message.to): \(message.text)" }
        var line = lifelines
        if from == to {
            put("├ \(message.text)", at: from, in: &line)
            return text(line)
        }
        let stroke: Character = message.isReply ? "┄" : "─"
        for at in (min(from, to) + 1)..<max(from, to) { line[at] = stroke }
        line[from] = from < to ? "├" : "┤"
        line[from < to ? to - 1 : to + 1] = from < to ? "▶" : "◀"
        let room = abs(to - from) - 5
        let label =
            " " + (message.text.count > room - 1 ? message.text.prefix(max(1, room - 2)) + "…" : message.text) + " "
        put(label, at: min(from, to) + 2, in: &line)
        return text(line)
    }

    private func put(_ label: String, at column: Int, in line: inout [Character]) {
        for (offset, character) in label.enumerated() where column + offset < line.count {
            line[column + offset] = character
        }
    }

    private func text(_ line: [Character]) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return String(line)
    }
}
