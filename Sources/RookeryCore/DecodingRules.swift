/// What is checked while a message is read. Types always are.
public struct DecodingRules: Sendable, Hashable {
    /// Whether values must keep the constraints of their members. Default true: where a message enters a service. A client does
    /// not check its service's replies again.
    public var checksConstraints: Bool
    /// Whether members that no property is for are violations. Default false: they are passed over.
    public var forbidsUnknown: Bool

    /// Constraints, and no complaint about unknown members.
    public init(checksConstraints: Bool = true, forbidsUnknown: Bool = false) {
        self.checksConstraints = checksConstraints
        self.forbidsUnknown = forbidsUnknown
    }

    /// Types and constraints.
    public static let all = DecodingRules()
    /// Types only: for what was checked where it was made, such as a reply, or a row of one's own database.
    public static let types = DecodingRules(checksConstraints: false)
}
