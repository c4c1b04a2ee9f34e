import Rookery

// The numbers of the fields are those of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto.
extension TracesRequest {
    /// The request in the format of Protocol Buffers.
    package var protobuf: [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { resourceSpans in
            resourceSpans.message(1) { Self.write(resource, as: 1, to: &$0) }
            resourceSpans.message(2) { scopeSpans in
                scopeSpans.message(1) { $0.bytes(1, Self.scope.utf8) }
                for span in spans { scopeSpans.message(2) { Self.write(span, to: &$0) } }
            }
        }
        return writer.bytes
    }

    private static func write(_ span: BoundedSpan, to writer: inout ProtobufWriter) {
        writer.bytes(1, Hexadecimal.bytes(span.traceID, count: 16) ?? [])
        writer.bytes(2, Hexadecimal.bytes(span.spanID, count: 8) ?? [])
        writer.bytes(4, span.parentID.flatMap { Hexadecimal.bytes($0, count: 8) } ?? [])
        writer.bytes(5, name(span).utf8)
        writer.integer(6, Int64(kind(span)))
        writer.fixed(7, span.start)
        writer.fixed(8, span.ended)
        write(attributes(span), as: 9, to: &writer)
        if status(span) != 0 { writer.message(15) { $0.integer(3, Int64(status(span))) } }
    }

    private static func write(
        _ attributes: [(name: String, value: AttributeValue)], as field: UInt64, to writer: inout ProtobufWriter
    ) {
        for (name, value) in attributes {
            writer.message(field) { pair in
                pair.bytes(1, name.utf8)
                pair.message(2) { any in
                    switch value {
                    case .text(let text): any.bytes(1, text.utf8, isChoice: true)
                    case .bool(let value): any.integer(2, value ? 1 : 0, isChoice: true)
                    case .integer(let value): any.integer(3, value, isChoice: true)
                    case .real(let value): any.fixed(4, value.bitPattern, isChoice: true)
                    }
                }
            }
        }
    }
}
