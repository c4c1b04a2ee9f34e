/// An enum with payloads.
package struct UnionSchema: Sendable {
    /// The name of the Swift type.
    package let name: String
    /// The doc comment of the type; nil without one.
    package let documentation: String?
    private let makeCases: @Sendable () -> [ObjectSchema]

    /// The cases. The member `type` has the name of the case. The members of the payload are beside it.
    package var cases: [ObjectSchema] { makeCases() }

    init(name: String, documentation: String?, cases: @escaping @Sendable () -> [ObjectSchema]) {
        self.name = name
        self.documentation = documentation
        makeCases = cases
    }
}
