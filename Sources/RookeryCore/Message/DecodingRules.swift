/// See ``_DecodingRules``.
@usableFromInline package typealias DecodingRules = _DecodingRules

/// What is checked while a message is read. Types always are.
public struct _DecodingRules: Sendable, Hashable {
    /// Whether values must keep the constraints of their members: yes where a message enters a service. A client does not
    /// check its service's replies again.
    package var checksConstraints: Bool
    /// Whether members that no property is for are violations; else they are passed over.
    package var forbidsUnknown: Bool

    package init(checksConstraints: Bool = true, forbidsUnknown: Bool = false) {
        self.checksConstraints = checksConstraints
        self.forbidsUnknown = forbidsUnknown
    }

    /// Types and constraints.
    public static let all = _DecodingRules()
    /// Types only: for what was checked where it was made, such as a reply, or a row of one's own database.
    public static let types = _DecodingRules(checksConstraints: false)
}
