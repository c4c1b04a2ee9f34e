import Foundation
import SequenceDiagrams

/// A diagram of `docs/flows`.
package struct FlowDiagram {
    private let diagram: SequenceDiagram

    /// The names of the participants, in their order.
    package var participants: [String] { diagram.participants }

    /// Reads `docs/flows/<name>.md`. Throws when there is none.
    package init(_ name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/flows/\(name).md")
        guard let diagram = SequenceDiagram(markdown: try String(contentsOf: file, encoding: .utf8)) else {
            throw Flow.NoDiagram(name: name)
        }
        self.diagram = diagram
    }

    /// The way through the diagram that takes the named alternatives: the calls between services, and the status.
    package func path(_ branches: [String]) -> (calls: [String], status: Int?) {
        let path = diagram.paths.first { $0.branches.allSatisfy(branches.contains) }
        return (path?.arrows.map(\.description) ?? [], path?.status)
    }

    /// Every name of an alternative.
    package var labels: Set<String> { Set(diagram.paths.flatMap(\.branches)) }
}
