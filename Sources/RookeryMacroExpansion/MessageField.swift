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
    /// The category of `@PII`, as written: `.email`.
    var personalData: String?
    var isSensitive = false
    var documentation: String?
    /// What its attributes state.
    var constraints: [FieldConstraint]

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

    /// Without these characters at its ends.
    func trimmingCharacters(_ characters: String) -> String {
        String(drop { characters.contains($0) }.reversed().drop { characters.contains($0) }.reversed())
    }

    /// As a Swift string literal.
    var literal: String {
        let escaped = map { character in
            switch character {
            case "\\", "\"": "\\\(character)"
            case "\n": "\\n"
            default: String(character)
            }
        }
        return "\"" + escaped.joined() + "\""
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
            return ["Any", "AnyObject", "Void", "Decimal", "Character", "Float16", "Float80"].contains(type.name.text)
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

    /// The first argument of an attribute, as written.
    func argument(of name: String) -> String? {
        named(name)?.arguments?.as(LabeledExprListSyntax.self)?.first?.expression.trimmedDescription
    }

    /// The text of the only argument of `@WireName("…")`.
    var wireName: String? {
        guard let arguments = named("WireName")?.arguments?.as(LabeledExprListSyntax.self),
            let literal = arguments.first?.expression.as(StringLiteralExprSyntax.self)
        else { return nil }
        return literal.representedLiteralValue
    }

    /// The constraints among the attributes, in order.
    var constraints: [FieldConstraint] {
        let rules = [
            "Length": "length", "Line": "line", "Text": "text", "NotBlank": "notBlank", "InRange": "inRange",
            "Email": "email", "Matches": "matches", "Items": "items", "Distinct": "distinct",
            "MultipleOf": "multiple", "WholeMinutes": "wholeMinutes",
        ]
        return compactMap { element in
            guard let attribute = element.as(AttributeSyntax.self),
                let rule = rules[attribute.attributeName.trimmedDescription]
            else { return nil }
            let arguments = attribute.arguments?.as(LabeledExprListSyntax.self)
            let regex = arguments?.first?.expression.as(RegexLiteralExprSyntax.self)?.regex.text
            let texts = arguments?.map { argument in
                (argument.label.map { "\($0.text): " } ?? "") + argument.expression.trimmedDescription
            }
            return FieldConstraint(rule: rule, arguments: texts ?? [], expression: regex)
        }
    }
}

extension Trivia {
    /// The text of the doc comment in it: the lines after the last blank one that begin with `///`.
    var documentation: String? {
        var lines: [String] = []
        for piece in self {
            switch piece {
            case .docLineComment(let text):
                let line = text.dropFirst(3)
                lines.append(String(line.first == " " ? line.dropFirst() : line))
            case .newlines(let count) where count > 1: lines = []
            default: break
            }
        }
        let text = lines.joined(separator: "\n")
        return text.allSatisfy(\.isWhitespace) ? nil : text
    }
}

extension String? {
    /// As a Swift expression: a literal, or `nil`.
    var literal: String { map(\.literal) ?? "nil" }
}

// MARK: - Code

/// The statements of a codec for a list of fields.
///
/// What it declares has names that the compiler makes up: a property may be called `members`, or a payload `writer`.
struct FieldCode {
    /// A field, and the names of what is read into, and whether it was.
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

    init(fields: [MessageField], in context: some MacroExpansionContext) {
        self.fields = fields
        func unique(_ name: String) -> String { context.makeUniqueName(name).text }
        locals = fields.map { Local(field: $0, value: unique("field"), seen: unique("seen")) }
        members = unique("members")
        key = unique("key")
        checked = unique("checked")
    }

    /// The pattern that binds an enum case's payload: `(name: let a, pet: let b)`; nothing when it has none.
    var casePattern: String {
        if locals.isEmpty { return "" }
        return "(\(locals.map { "let \($0.value)" }.joined(separator: ", ")))"
    }

    /// What ``casePattern`` bound a field to.
    func payload(_ at: Int) -> String { locals[at].value }

    /// The expression of a struct's property.
    func property(_ at: Int) -> String { "self.`\(fields[at].name)`" }

    /// An expression for how many members are written, of which `more` are not fields.
    func count(of value: (Int) -> String, more: Int = 0) -> String {
        let optional = fields.indices.filter { fields[$0].isOptional && !fields[$0].writesNull }
        let terms = optional.map { "(\(value($0)) == nil ? 0 : 1)" }
        return (["\(fields.count - optional.count + more)"] + terms).joined(separator: " + ")
    }

    /// Statements that write the members; `value` gives the expression of a field.
    func encode(_ value: (Int) -> String) -> String {
        fields.enumerated().map { at, field in
            let key = "writer.key(\(field.wireName.keyArguments))"
            guard field.isOptional, !field.writesNull else {
                return "\(key)\n\(value(at))._encode(to: &writer)"
            }
            return "if let \(checked) = \(value(at)) {\n\(key)\n\(checked)._encode(to: &writer)\n}"
        }.joined(separator: "\n")
    }

    /// The members in a description, sensitive ones redacted.
    func describe(_ value: (Int) -> String) -> String {
        fields.enumerated().map { at, field in
            if field.isRedacted { return "\(field.name): [redacted]" }
            return "\(field.name): \\(_MessageText.of(\(value(at))))"
        }.joined(separator: ", ")
    }

    /// Statements that enter an object, read and check its members, and end with `result`, which is given the arguments
    /// of an initialiser: `name: a, pet: b`.
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
            \(local.value) = try decoder.field(\(local.field.wireName.literal), (\(local.field.type)).self)
            }
            """
        }
        if let tag { branches.append("if \(key).matches(\(tag.literal)) {\ntry decoder.reader.skipValue()\n}") }
        branches.append("{\ntry decoder.unknown(\(key))\n}")
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

    /// An expression that describes the fields: an array of `_FieldSchema`.
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

    private func expression(_ at: Int, _ number: Int) -> String { "expression\(at)_\(number)" }

    /// The type that holds the regular expressions of a message. Not a local one of the function that uses them: the
    /// compiler (6.3.1) does not emit the storage of those.
    static let expressions = "RookeryExpressions"

    /// A type that makes each regular expression once, not for each message; nothing when there are none.
    var regularExpressions: String {
        var lines: [String] = []
        for (at, field) in fields.enumerated() {
            for (number, constraint) in field.constraints.enumerated() where constraint.rule == "matches" {
                let value = constraint.arguments.first ?? ""
                // Unsafe, because `Regex` is not Sendable; matching does not change it.
                lines.append("nonisolated(unsafe) static let \(expression(at, number)) = \(value)")
            }
        }
        if lines.isEmpty { return "" }
        return "private enum \(Self.expressions) {\n\(lines.joined(separator: "\n"))\n}\n\n"
    }
}

extension [MessageField] {
    /// An expression for whether a message with these members may be compressed; nil where nothing speaks against it.
    var mayCompress: String? {
        if contains(where: \.isSensitive) { return "false" }
        let standard: Set = [
            "Bool", "String", "Int", "Int8", "Int16", "Int32", "Int64", "UInt", "UInt8", "UInt16", "UInt32", "UInt64",
            "Double", "Float", "Instant", "LocalDate", "UUID", "Date", "Data", "URL", "JSONValue",
        ]
        // Lists are left out: a message may hold a list of its own kind.
        let single = filter { !$0.type.hasPrefix("[") && !$0.type.contains("<") }
        let types = Set(single.map { $0.type.trimmingCharacters("? ") }).subtracting(standard)
        if types.isEmpty { return nil }
        return types.sorted().map { "(\($0)).self._allowsCompression" }.joined(separator: " && ")
    }

    /// Reports members that would have one name in the text.
    func reportDuplicates(at nodes: [Syntax], in context: some MacroExpansionContext) {
        var seen: Set<String> = []
        for (field, node) in zip(self, nodes) where !seen.insert(field.wireName).inserted {
            context.report(.duplicateName, at: node)
        }
    }
}
