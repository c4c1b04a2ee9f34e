import Foundation
package import Rookery

extension SpanRecord {
    /// Reads a span that has ended. Nil for one that the toolkit did not make.
    package init?(_ span: BoundedSpan) {
        guard let details = span.details else { return nil }
        func short(_ text: String) -> String { text.cut(toBytes: 256) }
        self.init(
            kind: .request, trace: span.traceID, id: span.spanID, parent: span.parentID, name: "", service: nil,
            attempt: nil, instance: nil, start: Int(clamping: span.start),
            duration: max(0, Int(clamping: span.ended) - Int(clamping: span.start)),
            code: span.code.map(short), isFailure: span.isFailure, status: nil, path: nil, left: nil,
            message: span.message, reply: span.reply)
        switch details {
        case .request(let method, let asked):
            let route = span.route.map(short)
            // A client may have put anything into a path that no route matches.
            name = short(method) + " " + (route ?? "(no route)")
            status = span.status
            path = route.flatMap { $0.hasPrefix("/") ? Self.plain(asked, by: $0) : nil }
        case .call(let command, let service, _):
            (kind, name, left) = (.call, short(command.name), span.millisecondsLeft)
            self.service = service.map(short)
        case .attempt(let command, let number, let host, let port):
            (kind, name, attempt) = (.attempt, short(command.name), number)
            instance = short("\(host):\(port)")
        case .handling(let command, let service, _):
            (kind, name) = (.handling, short(command.name))
            self.service = service.map(short)
        }
    }

    /// A path with the names of its route's parameters, unless they have numbers and ids, because a client may put a person's data
    /// there.
    package static func plain(_ path: String, by route: String) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let names = route.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == names.count else { return route }
        return zip(parts, names).map { part, name in
            if !name.hasPrefix("{") { return String(name) }
            return isID(part) ? String(part) : String(name)
        }.joined(separator: "/")
    }

    /// Whether a part of a path is a number of at most nine digits, shorter than a telephone number, or a UUID.
    private static func isID(_ part: Substring) -> Bool {
        let digits = part.utf8
        if (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
        return digits.count == 36 && UUID(uuidString: String(part)) != nil
    }
}
