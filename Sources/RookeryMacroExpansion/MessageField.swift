import SwiftParser
import SwiftSyntax
import SwiftSyntaxMacros

/// A member of a message: a stored property, or an associated value of an enum case.
struct MessageField {
    var name: String
    var wireName: String
    var type: String
    /// Whether its type is an optional. A nil value is omitted, unless `writesNull` is set.
    var isOptional: Bool
    /// Whether a nil value is written as `null`.
    var writesNull: Bool
    var defaultValue: String?
    /// The category of `@PII`, as written: `.email`.
    var personalData: String?
    var isSensitive: Bool
    /// Whether it is a secret or personal data: not shown in descriptions, and encrypted between services, unless the
    /// connection is.
    var isMarked: Bool { isSensitive || personalData != nil }
    var documentation: String?
    /// The constraints that its attributes state.
    var constraints: [FieldConstraint]

    /// A member of this name and type, with what its attributes say.
    init(
        name: String, type: TypeSyntax, attributes: AttributeListSyntax, defaultValue: String? = nil,
        documentation: String? = nil
    ) {
        self.name = name
        self.type = type.trimmedDescription
        self.defaultValue = defaultValue
        self.documentation = documentation
        wireName = attributes.wireName ?? name
        isOptional = type.isOptional
        writesNull = attributes.named("ExplicitNull") != nil
        personalData = attributes.argument(of: "PII")
        isSensitive = attributes.named("Sensitive") != nil
        constraints = attributes.constraints
    }

    /// The identifier without the backticks that keywords have in source.
    static func bare(_ token: TokenSyntax) -> String {
        token.text.trimmingPrefixAndSuffix("`")
    }
}

extension String {
    func trimmingPrefixAndSuffix(_ mark: Character) -> String {
        guard count > 1, first == mark, last == mark else { return self }
        return String(dropFirst().dropLast())
    }

    /// The text without these characters at both ends.
    func trimmingCharacters(_ characters: String) -> String {
        String(drop { characters.contains($0) }.reversed().drop { characters.contains($0) }.reversed())
    }

    /// The text as a Swift string literal.
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

    /// The arguments with which a writer writes this member name. A name that JSON has to escape takes a slower path.
    var keyArguments: String {
        let needsEscape = unicodeScalars.contains { $0 == "\"" || $0 == "\\" || $0.value < 0x20 }
        return needsEscape ? "dynamic: \(literal)" : literal
    }
}

extension TypeSyntax {
    /// Whether the source spells the type as an optional.
    var isOptional: Bool {
        if `is`(OptionalTypeSyntax.self) || `is`(ImplicitlyUnwrappedOptionalTypeSyntax.self) { return true }
        return self.as(IdentifierTypeSyntax.self)?.name.text == "Optional"
    }

    /// Whether no message can hold the type, as far as its spelling shows.
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

extension AttributeSyntax {
    /// Whether it is one of the attributes that are about a member of a message.
    var isOfMember: Bool {
        let others = ["WireName", "ExplicitNull", "Sensitive", "PII", "NotPersonal"]
        let name = attributeName.trimmedDescription
        return FieldConstraint.rules[name] != nil || others.contains(name)
    }

    /// The associated value that the attribute names with `of:`.
    var payload: String? {
        let arguments = arguments?.as(LabeledExprListSyntax.self)
        return arguments?.first { $0.label?.text == "of" }?.expression.as(StringLiteralExprSyntax.self)?
            .representedLiteralValue
    }

    /// Whether the flag is set. Nil if it is no literal.
    func flag(_ name: String) -> Bool? {
        guard let argument = arguments?.as(LabeledExprListSyntax.self)?.first(where: { $0.label?.text == name }) else {
            return false
        }
        return argument.expression.as(BooleanLiteralExprSyntax.self).map { $0.literal.text == "true" }
    }
}

extension AttributeListSyntax {
    /// The attributes that are about one associated value, without its name.
    func about(_ payload: String) -> AttributeListSyntax {
        AttributeListSyntax(
            compactMap { element -> AttributeListSyntax.Element? in
                guard var attribute = element.as(AttributeSyntax.self), attribute.payload == payload,
                    let arguments = attribute.arguments?.as(LabeledExprListSyntax.self)
                else { return nil }
                var left = arguments.filter { $0.label?.text != "of" }
                if var last = left.last {
                    last.trailingComma = nil
                    left = LabeledExprListSyntax(left.dropLast() + [last])
                }
                attribute.arguments = .argumentList(left)
                return .attribute(attribute)
            })
    }

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
        return compactMap { element in
            guard let attribute = element.as(AttributeSyntax.self),
                let rule = FieldConstraint.rules[attribute.attributeName.trimmedDescription]
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
    /// The text of the doc comment: the lines after the last blank one that begin with `///`. Nil without such text.
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
    /// The text as a Swift expression: a literal, or `nil`.
    var literal: String { map(\.literal) ?? "nil" }
}

// MARK: - Code

extension [MessageField] {
    /// An expression for whether a message with these members may be compressed. Nil if it always may.
    var mayCompress: String? {
        if contains(where: \.isSensitive) { return "false" }
        let standard: Set = [
            "Bool", "String", "Int", "Int8", "Int16", "Int32", "Int64", "UInt", "UInt8", "UInt16", "UInt32", "UInt64",
            "Double", "Float", "Instant", "LocalDate", "UUID", "Date", "Data", "URL", "JSONValue",
        ]
        // Skips lists and generic types: a message may hold a list of its own type.
        let single = filter { !$0.type.hasPrefix("[") && !$0.type.contains("<") }
        let types = Set(single.map { $0.type.trimmingCharacters("? ") }).subtracting(standard)
        if types.isEmpty { return nil }
        return types.sorted().map { "(\($0)).self._allowsCompression" }.joined(separator: " && ")
    }

    /// Reports members with the same wire name.
    func reportDuplicates(at nodes: [Syntax], in context: some MacroExpansionContext) {
        var seen: Set<String> = []
        for (field, node) in zip(self, nodes) where !seen.insert(field.wireName).inserted {
            context.report(.duplicateName, at: node)
        }
    }
}
