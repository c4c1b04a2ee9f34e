package import RookeryWire

/// An enum with raw values.
package struct EnumerationSchema: Sendable {
    /// The name of the Swift type.
    package let name: String
    /// The doc comment of the type; nil without one.
    package let documentation: String?
    /// The raw values, in the order of the cases.
    package let values: [JSONValue]
}
