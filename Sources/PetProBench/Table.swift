import Foundation

/// A table of figures, as Markdown.
struct Table {
    let title: String
    let columns: [String]
    private(set) var rows: [[String]] = []
    /// Paragraphs below the table.
    var notes: [String] = []

    init(_ title: String, _ columns: String..., columns others: [String] = []) {
        self.title = title
        self.columns = columns + others
    }

    mutating func add(_ cells: String...) { rows.append(cells) }

    var text: String {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        let lines = [title, "", line(columns), line(columns.map { _ in "---" })] + rows.map(line)
        return (lines + notes.flatMap { ["", $0] }).joined(separator: "\n")
    }
}

extension Double {
    /// The number with fewer decimals the larger it is, such as `120`, `1.5` or `0.42`.
    var short: String {
        self >= 100
            ? String(format: "%.0f", self) : self >= 1 ? String(format: "%.1f", self) : String(format: "%.2f", self)
    }
    /// `1234/s`
    var perSecond: String { String(format: "%.0f/s", self) }
    /// `1.5 ms`
    var milliseconds: String { short + " ms" }
}
