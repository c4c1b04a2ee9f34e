import Rookery

extension ReceivedTraces {
    /// Spans in the format of Protocol Buffers, as a program would send them.
    package static func protobuf(_ spans: [ReceivedSpan]) -> [UInt8] {
        var writer = ProtobufWriter()
        for (service, spans) in Dictionary(grouping: spans, by: \.service).sorted(by: { $0.key < $1.key }) {
            writer.message(1) { resourceSpans in
                resourceSpans.message(1) { $0.message(1) { write("service.name", service, to: &$0) } }
                resourceSpans.message(2) { scope in
                    for span in spans { scope.message(2) { write(span, to: &$0) } }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ span: ReceivedSpan, to writer: inout ProtobufWriter) {
        writer.bytes(1, Hexadecimal.bytes(span.trace, count: 16) ?? [])
        writer.bytes(2, Hexadecimal.bytes(span.id, count: 8) ?? [])
        writer.bytes(4, span.parent.flatMap { Hexadecimal.bytes($0, count: 8) } ?? [])
        writer.bytes(5, span.name.utf8)
        writer.integer(6, Int64(span.kind.rawValue))
        writer.fixed(7, span.start)
        writer.fixed(8, span.end)
        for (name, value) in span.attributes.sorted(by: { $0.key < $1.key }) {
            writer.message(9) { write(name, value, to: &$0) }
        }
        if span.isFailure { writer.message(15) { $0.integer(3, 2) } }
    }

    private static func write(_ name: String, _ value: String, to pair: inout ProtobufWriter) {
        pair.bytes(1, name.utf8)
        pair.message(2) { any in
            if integers.contains(name), let number = Int64(value) {
                any.integer(3, number, isChoice: true)
            } else {
                any.bytes(1, value.utf8, isChoice: true)
            }
        }
    }
}
