import Tracing

/// The toolkit's part of a service context. One key for all of it, because each key costs every message an allocation.
struct Travelling: Sendable {
    /// The metadata that calls carry, by name.
    var metadata: [String: String] = [:]
    /// The current span of a ``BoundedTracer``. It replaces the `traceparent` of the metadata.
    var span: LiveSpan?

    /// The identity in the metadata.
    var received: Traceparent? { Self.received(metadata) }
    var traceparent: Traceparent? { span?.identity ?? received }

    /// The identity in metadata.
    static func received(_ metadata: [String: String]) -> Traceparent? {
        // Most messages have this entry alone, and need no hash to find it.
        if metadata.count == 1, let (name, text) = metadata.first {
            return name == MetadataName.traceparent ? Traceparent(text) : nil
        }
        return metadata[MetadataName.traceparent].flatMap { Traceparent($0) }
    }

    /// The metadata of a message, without the entries that are about that message only.
    static func carried(_ metadata: [String: String]) -> [String: String] {
        // Most messages have no such entries, and then nothing is copied.
        let isCarried = metadata.keys.allSatisfy { !MetadataName.ofOneCall.contains($0) }
        return isCarried ? metadata : metadata.filter { !MetadataName.ofOneCall.contains($0.key) }
    }

    fileprivate enum Key: ServiceContextKey {
        typealias Value = Travelling
        static let nameOverride: String? = "rookery"
    }
}

extension ServiceContext {
    var travelling: Travelling {
        get { self[Travelling.Key.self] ?? Travelling() }
        set { self[Travelling.Key.self] = newValue.metadata.isEmpty && newValue.span == nil ? nil : newValue }
    }
}
