import PetProContracts
import Rookery
import SequenceDiagrams

/// Formats the calls between services that a request caused: `APIGateway>AuthService.validateToken`.
enum CallLines {
    private struct Line {
        let start: UInt64
        /// The id of the parent span.
        let parent: UInt64
        let callee: String
        let command: String
    }

    /// Returns the calls of one request in the order of their start, separated by commas. `request` is the id of the
    /// request's span. The spans can have any order; spans of other requests are left out, because a client chooses the
    /// trace that its request belongs to.
    static func text(_ spans: [BoundedSpan], of request: UInt64) -> String {
        var lines: [Line] = []
        // Demo mode formats the calls for each response, so it visits the spans once, and then only their ids.
        var places: [(id: UInt64, parent: UInt64, service: String?)] = []
        places.reserveCapacity(spans.count)
        for span in spans {
            var service: String?
            switch span.details {
            // No call waits for the delivery of an event.
            case .call(let command, let callee?, _) where EventType(rawValue: command.name) == nil:
                lines.append(
                    Line(
                        start: span.start, parent: span.parent, callee: ObservedTrace.participant(callee),
                        command: command.name))
            case .handling(_, let name?, _): service = name
            default: break
            }
            places.append((span.id, span.parent, service))
        }
        lines.sort { $0.start < $1.start }
        var text = ""
        text.reserveCapacity(64 * lines.count)
        for line in lines {
            var caller: String?
            var parent = line.parent
            // Bounded, because a peer can send a loop of parents.
            for _ in places {
                if parent == request { break }
                guard let outer = places.first(where: { $0.id == parent }) else { break }
                if caller == nil, let service = outer.service { caller = ObservedTrace.participant(service) }
                parent = outer.parent
            }
            if parent != request { continue }
            if !text.isEmpty { text += ", " }
            text += caller ?? "APIGateway"
            text += ">"
            text += line.callee
            text += "."
            text += line.command
        }
        return text
    }
}
