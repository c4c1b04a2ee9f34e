import SwiftParser
import SwiftSyntax
import SwiftSyntaxMacros

/// A rule that an attribute states. It is a function of `_Constraint` and a `_SchemaConstraint` of the same name.
struct FieldConstraint {
    var rule: String
    /// Its arguments, without the value, the path and the decoder: `["1...100"]`.
    var arguments: [String]
    /// The text of a regular expression literal; nil for other arguments.
    var expression: String?

    /// The rules, by the names of their attributes.
    static let rules = [
        "Length": "length", "Line": "line", "Text": "text", "NotBlank": "notBlank", "InRange": "inRange",
        "Email": "email", "Matches": "matches", "Items": "items", "Distinct": "distinct", "MultipleOf": "multiple",
        "WholeMinutes": "wholeMinutes",
    ]

    /// The source of the `_SchemaConstraint`.
    var schema: String {
        var arguments = arguments
        if rule == "matches" { arguments[0] = expression.literal }
        return ".\(rule)\(arguments.isEmpty ? "" : "(\(arguments.joined(separator: ", ")))")"
    }
}
