import Tracing

/// Takes trace ids out of metadata, for tracers.
package struct MetadataExtractor: Extractor {
    package init() {}

    package func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}
