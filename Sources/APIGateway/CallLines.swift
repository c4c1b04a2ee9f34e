import PetProContracts
import Rookery

/// Formats the calls between services that a request caused: `APIGateway>AuthService.validateToken`.
enum CallLines {
    /// The names of the services in the diagrams.
    private static let participants = Dictionary(
        uniqueKeysWithValues: ServiceName.allCases.map { ($0.rawValue, $0.participant) })

    private struct Line {
        let start: UInt64
        /// The id of the parent span.
        let parent: UInt64
        let callee: String
        let command: String
    }

    /// Returns the calls of a trace in the order of their start, separated by commas. The spans can have any order.
    static func text(_ spans: [BoundedSpan]) -> String {
        var lines: [Line] = []
        // Demo mode formats the calls for each response, so it visits the spans once, and then only their ids.
        var places: [(id: UInt64, parent: UInt64, service: String?)] = []
        places.reserveCapacity(spans.count)
        for span in spans {
            var service: String?
            switch span.details {
            case .call(let command, let callee?):
                lines.append(
                    Line(start: span.start, parent: span.parent, callee: participant(callee), command: command.name))
            case .handling(_, let name?, _): service = name
            default: break
            }
            places.append((span.id, span.parent, service))
        }
        lines.sort { $0.start < $1.start }
        var text = ""
        text.reserveCapacity(64 * lines.count)
        for line in lines {
            if !text.isEmpty { text += ", " }
            var caller = "APIGateway"
            var parent = line.parent
            // Bounded, because a peer can send a loop of parents.
            for _ in places {
                guard let outer = places.first(where: { $0.id == parent }) else { break }
                if let service = outer.service {
                    caller = participant(service)
                    break
                }
                parent = outer.parent
            }
            text += caller
            text += ">"
            text += line.callee
            text += "."
            text += line.command
        }
        return text
    }

    private static func participant(_ service: String) -> String { participants[service] ?? service }
}
