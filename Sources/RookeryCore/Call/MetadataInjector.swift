import Tracing

/// Writes trace ids into metadata, for tracers.
package struct MetadataInjector: Injector {
    package init() {}

    package func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key] = value
    }
}
