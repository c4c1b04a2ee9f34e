/// One way through a diagram, or the way that a request took: the calls between services, and what the client was answered.
public struct SequencePath: Sendable, Hashable {
    /// A call between two services.
    public struct Arrow: Sendable, Hashable, CustomStringConvertible {
        /// Who calls.
        public let from: String
        /// Who is called.
        public let to: String
        /// The command.
        public let name: String

        /// Makes a call.
        public init(from: String, to: String, name: String) {
            self.from = from
            self.to = to
            self.name = name
        }

        /// `APIGateway>AuthService.validateToken`
        public var description: String { "\(from)>\(to).\(name)" }
    }

    /// The labels of the branches that it takes. Empty for a request, and for a diagram without alternatives.
    public let branches: [String]
    /// The calls in the order of their beginnings.
    public let arrows: [Arrow]
    /// The HTTP status of the answer. Nil if there is none.
    public let status: Int?

    /// Makes a path.
    public init(branches: [String] = [], arrows: [Arrow], status: Int?) {
        self.branches = branches
        self.arrows = arrows
        self.status = status
    }
}

extension SequenceDiagram {
    /// Every way through the diagram, in the order of its branches.
    public var paths: [SequencePath] {
        Self.paths(steps[...], SequencePath(arrows: [], status: nil))
    }

    private static func paths(_ steps: ArraySlice<Step>, _ path: SequencePath) -> [SequencePath] {
        guard let step = steps.first else { return [path] }
        let rest = steps.dropFirst()
        switch step {
        case .note: return paths(rest, path)
        case .message(let message): return paths(rest, path.after(message))
        case .alternatives(let branches):
            return branches.flatMap { branch in
                paths(branch.steps[...], path.taking(branch.label)).flatMap { paths(rest, $0) }
            }
        }
    }
}

extension SequencePath {
    /// The path that takes one branch more.
    public func taking(_ branch: String) -> SequencePath {
        SequencePath(branches: branches + [branch], arrows: arrows, status: status)
    }

    /// The path with one arrow of a diagram more. Replies between services and what a service does by itself are no calls.
    public func after(_ message: SequenceDiagram.Message) -> SequencePath {
        if message.isReply {
            guard message.to == SequenceDiagram.client else { return self }
            return SequencePath(branches: branches, arrows: arrows, status: Int(message.text.prefix(3)))
        }
        if message.from == SequenceDiagram.client || message.from == message.to { return self }
        let arrow = Arrow(from: message.from, to: message.to, name: String(message.text.prefix { $0 != "(" }))
        return SequencePath(branches: branches, arrows: arrows + [arrow], status: status)
    }
}
