import Tracing

/// Reads trace ids from metadata, for tracers.
package struct MetadataExtractor: Extractor {
    package init() {}

    package func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}
