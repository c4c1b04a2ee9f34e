/// A span that another program has sent.
package struct ReceivedSpan: Sendable, Hashable {
    /// `SpanKind` of the protocol.
    package enum Kind: Int, Sendable {
        case unspecified, `internal`, server, client, producer, consumer
    }

    /// What its program calls itself: `service.name`. `unknown_service` if it does not.
    package var service: String
    /// 32 hexadecimal digits.
    package var trace: String
    /// 16 hexadecimal digits.
    package var id: String
    /// 16 hexadecimal digits. Nil for the root of a trace.
    package var parent: String?
    package var name: String
    package var kind: Kind
    /// Nanoseconds since 1970.
    package var start: UInt64
    /// Nanoseconds since 1970.
    package var end: UInt64
    /// Whether its status is an error.
    package var isFailure: Bool
    /// The attributes of ``ReceivedTraces/attributes``, as texts of at most 256 bytes. All others are dropped: they may have
    /// anything in them.
    package var attributes: [String: String]

    /// Makes a span.
    package init(
        service: String, trace: String, id: String, parent: String?, name: String, kind: Kind, start: UInt64,
        end: UInt64, isFailure: Bool, attributes: [String: String]
    ) {
        self.service = service
        self.trace = trace
        self.id = id
        self.parent = parent
        self.name = name
        self.kind = kind
        self.start = start
        self.end = end
        self.isFailure = isFailure
        self.attributes = attributes
    }

    /// Whether a text has control characters, which a terminal would act upon.
    private static func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.value < 32 || (127...159).contains($0.value) }
    }

    /// Whether its ids, times and texts are within their bounds: a name and a service of at most 256 bytes, at most a day.
    package var isValid: Bool {
        func isID(_ text: String, _ count: Int) -> Bool {
            text.utf8.count == count && text.utf8.contains { $0 != 0x30 }
                && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        return isID(trace, 32) && isID(id, 16) && (parent.map { isID($0, 16) } ?? true) && start <= end
            && end <= UInt64(Int64.max) / 2 && end - start <= 86_400_000_000_000
            && [name, service].allSatisfy { (1...256).contains($0.utf8.count) && !Self.hasControls($0) }
            && !attributes.values.contains { Self.hasControls($0) }
    }
}
