/// Discards all replies.
package final class DiscardingSink: ReplySink {
    /// The shared sink. The class has no state.
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
