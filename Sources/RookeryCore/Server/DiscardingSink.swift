/// Takes answers that are of no interest.
package final class DiscardingSink: ReplySink {
    /// One is enough.
    package static let shared = DiscardingSink()
    /// Does nothing.
    package func reply(_ value: some MessageValue) {}
    /// Does nothing.
    package func end() {}
    /// Does nothing.
    package func value(_ value: some MessageValue) async throws {}
    /// Does nothing.
    package func endStream() {}
}
