import SwiftParser
import SwiftSyntax
import SwiftSyntaxMacros

/// A rule that an attribute states: a function of `_Constraint`, and the same as a `_SchemaConstraint`.
struct FieldConstraint {
    var rule: String
    /// Its arguments, to be completed with value, path and decoder: `["1...100"]`.
    var arguments: [String]
    /// The text of a regular expression that is written as a literal.
    var expression: String?

    /// As a `_SchemaConstraint`.
    var schema: String {
        var arguments = arguments
        if rule == "matches" { arguments[0] = expression.literal }
        return ".\(rule)\(arguments.isEmpty ? "" : "(\(arguments.joined(separator: ", ")))")"
    }
}
