package import Rookery

extension SpanRecord {
    /// Reads a span that has ended. Nil for one that the toolkit did not make.
    package init?(_ span: BoundedSpan) {
        guard let details = span.details else { return nil }
        let code = span.text("rpc.status_code").map { String($0.prefix(256)) }
        self.init(
            kind: .request, trace: span.traceID, id: span.spanID, parent: span.parentID, name: "", service: nil,
            attempt: nil,
            instance: nil, start: Int(clamping: span.start),
            duration: max(0, Int(clamping: span.ended) - Int(clamping: span.start)),
            code: code, isFailure: span.isFailure)
        switch details {
        case .request(let method, _): name = String(method.prefix(256))
        case .call(let command, let service):
            (kind, name) = (.call, String(command.name.prefix(256)))
            self.service = service.map { String($0.prefix(256)) }
        case .attempt(let command, let number, let host, let port):
            (kind, name, attempt) = (.attempt, String(command.name.prefix(256)), number)
            instance = String("\(host):\(port)".prefix(256))
        case .handling(let command, let service, _, _):
            (kind, name) = (.handling, String(command.name.prefix(256)))
            self.service = service.map { String($0.prefix(256)) }
        }
    }
}
