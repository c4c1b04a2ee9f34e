package import RookeryPolicies

/// Always the same instances.
package struct StaticDiscovery: Discovery {
    /// The instances.
    package let initial: [Instance]

    /// Names them.
    package init(_ instances: [Instance]) { initial = instances }

    /// Has nothing to tell.
    package func watch(_ changed: ([Instance]) async -> Void) async throws {}
}
