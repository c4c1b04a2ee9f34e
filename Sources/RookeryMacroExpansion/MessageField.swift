import SwiftParser
import SwiftSyntax
import SwiftSyntaxMacros

/// A member of a message: a stored property, or an associated value of an enum case.
struct MessageField {
    var name: String
    var wireName: String
    var type: String
    /// Left out of the text when nil.
    var isOptional: Bool
    /// Written as `null` when nil.
    var writesNull: Bool
    var isRedacted: Bool
    var defaultValue: String?
    /// Calls on `Constraint`, to be completed with value, path and decoder: `("length", ["1...100"])`.
    var constraints: [(rule: String, arguments: [String])]

    /// The identifier as Swift source: keywords were written with backticks.
    static func bare(_ token: TokenSyntax) -> String {
        token.text.trimmingPrefixAndSuffix("`")
    }
}

extension String {
    func trimmingPrefixAndSuffix(_ mark: Character) -> String {
        guard count > 1, first == mark, last == mark else { return self }
        return String(dropFirst().dropLast())
    }

    /// As a Swift string literal.
    var literal: String {
        "\"" + map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }.joined() + "\""
    }

    /// The arguments by which a writer is told a member's name; one that JSON has to escape goes the slow way.
    var keyArguments: String {
        let needsEscape = unicodeScalars.contains { $0 == "\"" || $0 == "\\" || $0.value < 0x20 }
        return needsEscape ? "dynamic: \(literal)" : literal
    }
}

extension TypeSyntax {
    /// Whether it is spelled as an optional.
    var isOptional: Bool {
        if `is`(OptionalTypeSyntax.self) || `is`(ImplicitlyUnwrappedOptionalTypeSyntax.self) { return true }
        return self.as(IdentifierTypeSyntax.self)?.name.text == "Optional"
    }

    /// Whether no message can hold it, as far as its spelling tells.
    var isUnsupported: Bool {
        if let type = self.as(OptionalTypeSyntax.self) { return type.wrappedType.isUnsupported }
        if let type = self.as(ArrayTypeSyntax.self) { return type.element.isUnsupported }
        if let type = self.as(DictionaryTypeSyntax.self) {
            return type.key.trimmedDescription != "String" || type.value.isUnsupported
        }
        if let type = self.as(IdentifierTypeSyntax.self) {
            return ["Any", "AnyObject", "Void", "Data", "Date", "Decimal", "Float"].contains(type.name.text)
        }
        return `is`(FunctionTypeSyntax.self) || `is`(TupleTypeSyntax.self) || `is`(SomeOrAnyTypeSyntax.self)
            || `is`(AttributedTypeSyntax.self) || `is`(MetatypeTypeSyntax.self)
            || `is`(ImplicitlyUnwrappedOptionalTypeSyntax.self)
    }
}

extension AttributeListSyntax {
    func named(_ name: String) -> AttributeSyntax? {
        lazy.compactMap { $0.as(AttributeSyntax.self) }.first { $0.attributeName.trimmedDescription == name }
    }

    /// The text of the only argument of `@WireName("…")`.
    var wireName: String? {
        guard let arguments = named("WireName")?.arguments?.as(LabeledExprListSyntax.self),
            let literal = arguments.first?.expression.as(StringLiteralExprSyntax.self)
        else { return nil }
        return literal.representedLiteralValue
    }

    /// The constraints among the attributes, in order.
    var constraints: [(rule: String, arguments: [String])] {
        let rules = [
            "Length": "length", "InRange": "inRange", "Email": "email", "Matches": "matches", "Items": "items",
        ]
        return compactMap { element in
            guard let attribute = element.as(AttributeSyntax.self),
                let rule = rules[attribute.attributeName.trimmedDescription]
            else { return nil }
            let arguments = attribute.arguments?.as(LabeledExprListSyntax.self)?.map(\.expression.trimmedDescription)
            return (rule, arguments ?? [])
        }
    }
}

// MARK: - Code

/// The statements of a codec for a list of fields.
struct FieldCode {
    let fields: [MessageField]

    /// An expression for how many members are written, of which `more` are not fields.
    func count(prefix: String, more: Int = 0) -> String {
        let optional = fields.filter { $0.isOptional && !$0.writesNull }
        let terms = optional.map { "(\(prefix)`\($0.name)` == nil ? 0 : 1)" }
        return (["\(fields.count - optional.count + more)"] + terms).joined(separator: " + ")
    }

    /// Statements that write the members; `prefix` is `self.` for properties.
    func encode(prefix: String) -> String {
        fields.map { field in
            let value = "\(prefix)`\(field.name)`"
            let key = "writer.key(\(field.wireName.keyArguments))"
            guard field.isOptional, !field.writesNull else {
                return "\(key)\n\(value).encode(to: &writer)"
            }
            return "if let value = \(value) {\n\(key)\nvalue.encode(to: &writer)\n}"
        }.joined(separator: "\n")
    }

    /// Statements that read the `members` of the object just entered, check them, and end with `result`, which sees a
    /// constant of each field's name.
    func decode(skipping tag: String? = nil, result: String) -> String {
        var lines: [String] = []
        for (at, field) in fields.enumerated() {
            lines.append("var field\(at): (\(field.type))? = nil")
            lines.append("var seen\(at) = false")
        }
        lines.append("while let key = try decoder.reader.nextKey(&members) {")
        var branches = fields.enumerated().map { at, field in
            """
            if key.matches(\(field.wireName.literal)) {
            seen\(at) = true
            field\(at) = try decoder.field(\(field.wireName.literal), (\(field.type)).self)
            }
            """
        }
        if let tag { branches.append("if key.matches(\(tag.literal)) {\ntry decoder.reader.skipValue()\n}") }
        branches.append("{\ntry decoder.unknown(key)\n}")
        lines.append(branches.joined(separator: " else ") + "\n}")
        for (at, field) in fields.enumerated() {
            if let value = field.defaultValue {
                lines.append("if !seen\(at) { field\(at) = \(value) }")
            } else {
                lines.append("decoder.resolve(&field\(at), \(field.wireName.literal), seen: seen\(at))")
            }
            if field.constraints.isEmpty { continue }
            lines.append("if let value = field\(at) {")
            for constraint in field.constraints {
                let arguments = ["value"] + constraint.arguments + [field.wireName.literal, "&decoder"]
                lines.append("Constraint.\(constraint.rule)(\(arguments.joined(separator: ", ")))")
            }
            lines.append("}")
        }
        if !fields.isEmpty {
            let bindings = fields.enumerated().map { at, field in "let `\(field.name)` = field\(at)" }
            lines.append("guard \(bindings.joined(separator: ", ")) else { return nil }")
        }
        lines.append(result)
        return lines.joined(separator: "\n")
    }

    /// Reports members that would have one name in the text.
    func reportDuplicates(at nodes: [Syntax], in context: some MacroExpansionContext) {
        var seen: Set<String> = []
        for (field, node) in zip(fields, nodes) where !seen.insert(field.wireName).inserted {
            context.report(.duplicateName, at: node)
        }
    }
}
