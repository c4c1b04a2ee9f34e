/// A flow of the system: its diagram, and another one with the branches that the first leaves out.
public struct Flow: Sendable, Hashable {
    /// The name of the flow: that of its file, such as `booking-creation`.
    public let name: String
    /// The diagram.
    public let diagram: SequenceDiagram
    /// Refusals, outages and repeats, which the diagram does not show. Nil without any.
    public let beyond: SequenceDiagram?
    /// Every way through the flow: those of its diagram first.
    public let paths: [SequencePath]

    /// Makes a flow. Throws ``NoDiagram`` if a text has no diagram.
    public init(_ name: String, markdown: String, beyond: String? = nil) throws {
        guard let diagram = SequenceDiagram(markdown: markdown) else { throw NoDiagram(name: name) }
        self.name = name
        self.diagram = diagram
        self.beyond = try beyond.map { text in
            guard let diagram = SequenceDiagram(markdown: text) else { throw NoDiagram(name: name + ".beyond") }
            return diagram
        }
        paths = diagram.paths + (self.beyond?.paths ?? [])
    }

    /// A text that should have a diagram has none.
    public struct NoDiagram: Error, CustomStringConvertible {
        let name: String

        /// Makes the error for the text of this name.
        public init(name: String) { self.name = name }

        /// What is wrong, in words.
        public var description: String { "\(name) has no Mermaid sequence diagram" }
    }

    /// Whether an operation, such as `POST /api/bookings`, is the one that the flow begins with.
    public func begins(with operation: String) -> Bool { diagram.operation == operation }
}
