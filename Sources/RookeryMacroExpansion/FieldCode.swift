import SwiftParser
import SwiftSyntax
import SwiftSyntaxMacros

/// Generates the statements of a codec for a list of fields.
///
/// The generated code declares only names that the compiler makes up: a property may be called `members`, or a payload
/// `writer`.
struct FieldCode {
    /// A field, and the generated names of its value and of the flag that it was read.
    private struct Local {
        let field: MessageField
        let value: String
        let seen: String
    }

    private let locals: [Local]
    private let members: String
    private let key: String
    private let checked: String
    let fields: [MessageField]
    /// Tells apart the regular expressions of an enum's cases.
    private let prefix: String
    private let forbidsUnknown: Bool

    init(
        fields: [MessageField], prefix: String = "", forbidsUnknown: Bool = false,
        in context: some MacroExpansionContext
    ) {
        self.fields = fields
        self.prefix = prefix
        self.forbidsUnknown = forbidsUnknown
        func unique(_ name: String) -> String { context.makeUniqueName(name).text }
        locals = fields.map { Local(field: $0, value: unique("field"), seen: unique("seen")) }
        members = unique("members")
        key = unique("key")
        checked = unique("checked")
    }

    /// The pattern that binds an enum case's payload: `(name: let a, pet: let b)`. Empty if the case has no payload.
    var casePattern: String {
        if locals.isEmpty { return "" }
        return "(\(locals.map { "let \($0.value)" }.joined(separator: ", ")))"
    }

    /// The same pattern, without the values that a description does not show.
    var describePattern: String {
        if locals.isEmpty { return "" }
        return "(\(locals.map { $0.field.isMarked ? "_" : "let \($0.value)" }.joined(separator: ", ")))"
    }

    /// The name to which ``casePattern`` binds a field.
    func payload(_ at: Int) -> String { locals[at].value }

    /// The expression of a struct's property.
    func property(_ at: Int) -> String { "self.`\(fields[at].name)`" }

    /// An expression for how many members are written: the fields, and `more` others.
    func count(of value: (Int) -> String, more: Int = 0) -> String {
        let optional = fields.indices.filter { fields[$0].isOptional && !fields[$0].writesNull }
        let terms = optional.map { "(\(value($0)) == nil ? 0 : 1)" }
        return (["\(fields.count - optional.count + more)"] + terms).joined(separator: " + ")
    }

    /// Statements that write the members. `value` returns the expression of a field.
    func encode(_ value: (Int) -> String) -> String {
        fields.enumerated().map { at, field in
            let key = "writer.key(\(field.wireName.keyArguments))"
            func write(_ value: String) -> String {
                field.isMarked
                    ? "writer.marked(\(value), \(field.wireName.literal))" : "\(value)._encode(to: &writer)"
            }
            guard field.isOptional, !field.writesNull else { return "\(key)\n\(write(value(at)))" }
            return "if let \(checked) = \(value(at)) {\n\(key)\n\(write(checked))\n}"
        }.joined(separator: "\n")
    }

    /// The text of the members in a description, with redacted values for sensitive ones.
    func describe(_ value: (Int) -> String) -> String {
        fields.enumerated().map { at, field in
            if field.isMarked { return "\(field.name): [redacted]" }
            return "\(field.name): \\(_MessageText.of(\(value(at))))"
        }.joined(separator: ", ")
    }

    /// Statements that enter an object, read and check its members, and end with `result`. Members named `tag` are
    /// skipped.
    ///
    /// `result` gets the arguments of an initialiser: `name: a, pet: b`.
    func decode(skipping tag: String? = nil, result: (_ arguments: String) -> String) -> String {
        var lines = ["guard var \(members) = try decoder.beginMessage() else { return nil }"]
        for local in locals {
            lines.append("var \(local.value): (\(local.field.type))? = nil")
            lines.append("var \(local.seen) = false")
        }
        lines.append("while let \(key) = try decoder.reader.nextKey(&\(members)) {")
        var branches = locals.map { local in
            """
            if \(key).matches(\(local.field.wireName.literal)) {
            \(local.seen) = true
            \(local.value) = try decoder.\(local.field.isMarked ? "markedField" : "field")(\(local.field.wireName.literal), (\(local.field.type)).self)
            }
            """
        }
        if let tag { branches.append("if \(key).matches(\(tag.literal)) {\ntry decoder.reader.skipValue()\n}") }
        let other = "try decoder.\(forbidsUnknown ? "forbidden" : "unknown")(\(key))"
        // A message may have no members at all.
        branches.append(branches.isEmpty ? other : "{\n\(other)\n}")
        lines.append(branches.joined(separator: " else ") + "\n}")
        for at in locals.indices { lines += check(at) }
        if !locals.isEmpty {
            lines.append("guard \(locals.map { "let \($0.value)" }.joined(separator: ", ")) else { return nil }")
        }
        lines.append(result(locals.map { "\($0.field.name): \($0.value)" }.joined(separator: ", ")))
        return lines.joined(separator: "\n")
    }

    private func check(_ at: Int) -> [String] {
        let local = locals[at]
        var lines: [String] = []
        if let value = local.field.defaultValue {
            lines.append("if !\(local.seen) { \(local.value) = \(value) }")
        } else {
            lines.append("decoder.resolve(&\(local.value), \(local.field.wireName.literal), seen: \(local.seen))")
        }
        if local.field.constraints.isEmpty { return lines }
        lines.append("if decoder.checksConstraints, let \(checked) = \(local.value) {")
        for (number, constraint) in local.field.constraints.enumerated() {
            var arguments = constraint.arguments
            if constraint.rule == "matches" { arguments[0] = "\(Self.expressions).\(expression(at, number))" }
            arguments = [checked] + arguments + [local.field.wireName.literal, "&decoder"]
            lines.append("_Constraint.\(constraint.rule)(\(arguments.joined(separator: ", ")))")
        }
        lines.append("}")
        return lines
    }

    /// An expression for the fields' schema: an array of `_FieldSchema`.
    var schema: String {
        let fields = fields.map { field in
            var arguments = ["\(field.wireName.literal)", "(\(field.type)).self"]
            if let value = field.defaultValue { arguments.append("default: \(value)") }
            if !field.constraints.isEmpty {
                arguments.append("constraints: [\(field.constraints.map(\.schema).joined(separator: ", "))]")
            }
            if let category = field.personalData { arguments.append("personalData: \(category)") }
            if field.isSensitive { arguments.append("isSensitive: true") }
            if field.writesNull { arguments.append("writesNull: true") }
            if let text = field.documentation { arguments.append("documentation: \(text.literal)") }
            return "_FieldSchema(\(arguments.joined(separator: ", ")))"
        }
        return "[\(fields.joined(separator: ", "))]"
    }

    private func expression(_ at: Int, _ number: Int) -> String { "\(prefix)expression\(at)_\(number)" }

    /// The type that holds the regular expressions of a message. It is not local to the function that uses it, because
    /// the compiler (6.3.1) does not emit the storage of a local type.
    static let expressions = "RookeryExpressions"

    /// The regular expressions of the fields: constants that are made once, not once per message.
    var regularExpressions: [String] {
        var lines: [String] = []
        for (at, field) in fields.enumerated() {
            for (number, constraint) in field.constraints.enumerated() where constraint.rule == "matches" {
                let value = constraint.arguments.first ?? ""
                // `nonisolated(unsafe)`, because `Regex` is not Sendable; matching does not change it.
                lines.append("nonisolated(unsafe) static let \(expression(at, number)) = \(value)")
            }
        }
        return lines
    }
}
