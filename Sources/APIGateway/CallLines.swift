import PetProContracts
import Rookery

/// Formats the calls that a request caused, for demo mode: `APIGateway>AuthService.validateToken`.
enum CallLines {
    /// The names that the services have in the diagrams.
    private static let participants = Dictionary(
        uniqueKeysWithValues: ServiceName.allCases.map { ($0.rawValue, $0.participant) })

    /// Returns the calls of a trace in the order in which they began, separated by commas.
    static func text(_ spans: [RecordedSpan]) -> String {
        let byID = Dictionary(spans.map { ($0.spanID, $0) }, uniquingKeysWith: { first, _ in first })
        return spans.compactMap { span -> String? in
            guard let callee = span.text("rookery.destination"), let command = span.text("rookery.command") else {
                return nil
            }
            return "\(caller(of: span, byID))>\(participants[callee] ?? callee).\(command)"
        }.joined(separator: ", ")
    }

    /// Returns the service whose handler made a call, or `APIGateway` when no handler made it.
    private static func caller(of span: RecordedSpan, _ spans: [String: RecordedSpan]) -> String {
        var next = span.parentID.flatMap { spans[$0] }
        while let span = next {
            if let service = span.text("rookery.service") { return participants[service] ?? service }
            next = span.parentID.flatMap { spans[$0] }
        }
        return "APIGateway"
    }
}
