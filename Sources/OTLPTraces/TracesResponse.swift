import Rookery

/// What a collector answered to a ``TracesRequest``.
package struct TracesResponse: Sendable, Equatable {
    /// How many of the spans the collector refused, at most all. It wants none of them again.
    package internal(set) var rejected = 0
    /// Why, in at most 256 characters.
    package internal(set) var message = ""

    /// Reads the body of a response with status 200 to a request of `count` spans. A body that it cannot read counts as one that
    /// refuses nothing.
    package init(_ body: [UInt8], _ encoding: ExportSettings.Encoding, count: Int) {
        defer {
            rejected = min(max(0, rejected), count)
            message = String(message.cut(toBytes: 256).map { $0.isNewline ? " " : $0 })
        }
        switch encoding {
        case .json:
            guard let partial = (try? JSONValue(parsing: body))?["partialSuccess"] else { return }
            rejected = partial["rejectedSpans"].flatMap { $0.intValue ?? $0.stringValue.flatMap { Int($0) } } ?? 0
            message = partial["errorMessage"]?.stringValue ?? ""
        case .protobuf:
            var outer = ProtobufReader(body[...])
            while let field = outer.next() {
                guard field.number == 1 else { continue }
                var partial = ProtobufReader(field.bytes)
                while let field = partial.next() {
                    if field.number == 1 { rejected = Int(clamping: field.integer) }
                    if field.number == 2 { message = String(decoding: field.bytes, as: UTF8.self) }
                }
            }
        }
    }
}
