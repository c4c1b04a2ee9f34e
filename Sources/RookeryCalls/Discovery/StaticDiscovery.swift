package import RookeryPolicies

/// A fixed list of instances.
package struct StaticDiscovery: Discovery {
    /// The instances.
    package let initial: [Instance]

    /// Makes a discovery of these instances.
    package init(_ instances: [Instance]) { initial = instances }

    /// Returns at once, because the list never changes.
    package func watch(_ changed: ([Instance]) async -> Void) async throws {}
}
