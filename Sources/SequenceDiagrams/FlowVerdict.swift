/// What a request did, held against the flows.
public enum FlowVerdict: Sendable, Hashable, CustomStringConvertible {
    /// It took a way of the flow: the one with these branches.
    case follows(flow: String, branches: [String])
    /// It took no way of the flow. `position` is the number of its first wrong arrow, from 1. Nil for `expected` or `actual` says
    /// that the one ends where the other goes on.
    case differs(flow: String, position: Int, expected: String?, actual: String?)
    /// No flow begins with its operation.
    case unknown

    /// Judges a request with an operation, such as `POST /api/bookings`.
    public init(_ path: SequencePath, operation: String, flows: [Flow]) {
        guard let flow = flows.first(where: { $0.begins(with: operation) }) else {
            self = .unknown
            return
        }
        let paths = flow.paths
        if let same = paths.first(where: { $0.arrows == path.arrows && $0.status == path.status }) {
            self = .follows(flow: flow.name, branches: same.branches)
            return
        }
        // The nearest way: the one with which it goes furthest, and of those the one with its answer.
        func agreement(_ other: SequencePath) -> Int { zip(other.arrows, path.arrows).prefix { $0 == $1 }.count }
        let nearest = paths.max { left, right in
            (agreement(left), left.status == path.status ? 1 : 0) < (
                agreement(right), right.status == path.status ? 1 : 0
            )
        }
        let common = nearest.map(agreement) ?? 0
        func step(_ path: SequencePath?) -> String? {
            guard let path else { return nil }
            if common < path.arrows.count { return path.arrows[common].description }
            return path.status.map { "\($0) to the client" }
        }
        self = .differs(flow: flow.name, position: common + 1, expected: step(nearest), actual: step(path))
    }

    /// Whether the request did what a flow says.
    public var isRight: Bool { if case .follows = self { true } else { false } }

    /// The flow that it was held against. Nil if no flow begins with its operation.
    public var flow: String? {
        switch self {
        case .follows(let flow, _), .differs(let flow, _, _, _): flow
        case .unknown: nil
        }
    }

    /// `booking-creation, branch Token Valid, Vendor Unavailable`, or where it differs.
    public var description: String {
        switch self {
        case .follows(let flow, let branches):
            branches.isEmpty ? flow : "\(flow), branch \(branches.joined(separator: ", "))"
        case .differs(let flow, let position, let expected, let actual):
            "not \(flow): arrow \(position) is \(actual ?? "missing"), expected \(expected ?? "no more")"
        case .unknown: "no flow has this operation"
        }
    }
}
