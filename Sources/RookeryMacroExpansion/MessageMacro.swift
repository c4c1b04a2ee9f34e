package import SwiftSyntax
import SwiftSyntaxBuilder
package import SwiftSyntaxMacros

/// `@Message`: generates the codec, validation, memberwise initialiser and redacted description.
package struct MessageMacro {
    fileprivate struct Properties {
        var fields: [MessageField] = []
        var nodes: [Syntax] = []
        var isValid = true
    }

    /// The access modifier that makes a generated member as visible as its type: `public `, `package `, `fileprivate `,
    /// or nothing.
    static func access(_ modifiers: DeclModifierListSyntax, in context: some MacroExpansionContext) -> String {
        // A member or a peer of a private declaration is no more visible than the declaration.
        let around = context.lexicalContext.compactMap { $0.asProtocol((any WithModifiersSyntax).self)?.modifiers }
        let names = modifiers.map(\.name.text)
        let isHidden = ([modifiers] + around).contains { list in
            list.contains { ["private", "fileprivate"].contains($0.name.text) }
        }
        if isHidden { return "fileprivate " }
        return names.first { ["public", "package"].contains($0) }.map { $0 + " " } ?? ""
    }

    /// The stored properties of a struct. Reports errors only if `context` is given, because two macro roles read the
    /// properties.
    fileprivate static func properties(
        of declaration: StructDeclSyntax, reportingTo context: (any MacroExpansionContext)?
    ) -> Properties {
        var properties = Properties()
        func wrong(_ diagnostic: MacroDiagnostic, _ node: some SyntaxProtocol) {
            context?.report(diagnostic, at: node)
            properties.isValid = false
        }
        for member in declaration.memberBlock.members {
            guard let variable = member.decl.as(VariableDeclSyntax.self) else { continue }
            let modifiers = variable.modifiers.map(\.name.text)
            if modifiers.contains("static") || modifiers.contains("class") { continue }
            for (at, binding) in variable.bindings.enumerated() {
                if binding.accessorBlock?.isComputed == true { continue }
                if modifiers.contains("lazy") || modifiers.contains("weak") {
                    wrong(.lazyProperty, variable)
                    continue
                }
                guard let pattern = binding.pattern.as(IdentifierPatternSyntax.self) else {
                    wrong(.tuplePattern, binding.pattern)
                    continue
                }
                // In `var a, b: Int`, only the last binding states the type.
                let annotation =
                    binding.typeAnnotation
                    ?? variable.bindings.dropFirst(at).lazy.compactMap(\.typeAnnotation).first
                guard let type = annotation?.type else {
                    wrong(.missingType, pattern)
                    continue
                }
                if type.isUnsupported {
                    wrong(.unsupportedType, type)
                    continue
                }
                if variable.bindingSpecifier.text == "let", binding.initializer != nil {
                    wrong(.constantWithValue, binding)
                    continue
                }
                for attribute in variable.attributes.compactMap({ $0.as(AttributeSyntax.self) })
                where attribute.isOfMember && attribute.payload != nil {
                    wrong(.propertyNamesPayload, attribute)
                }
                properties.fields.append(
                    MessageField(
                        name: MessageField.bare(pattern.identifier), type: type, attributes: variable.attributes,
                        defaultValue: binding.initializer?.value.trimmedDescription,
                        documentation: variable.leadingTrivia.documentation))
                properties.nodes.append(Syntax(pattern))
            }
        }
        if let context { properties.fields.reportDuplicates(at: properties.nodes, in: context) }
        return properties
    }
}

extension AccessorBlockSyntax {
    /// Whether the property is computed. A property with only observers is stored.
    var isComputed: Bool {
        switch accessors {
        case .getter: return true
        case .accessors(let list):
            return list.contains { !["willSet", "didSet"].contains($0.accessorSpecifier.text) }
        }
    }
}

extension MessageMacro: MemberMacro {
    /// Adds the memberwise initialiser of a struct.
    package static func expansion(
        of node: AttributeSyntax,
        providingMembersOf declaration: some DeclGroupSyntax,
        conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] {
        guard let declaration = declaration.as(StructDeclSyntax.self) else { return [] }
        let properties = properties(of: declaration, reportingTo: nil)
        guard properties.isValid else { return [] }
        let access = access(declaration.modifiers, in: context)
        let parameters = properties.fields.map { field in
            let value = field.defaultValue ?? (field.isOptional ? "nil" : nil)
            return "\(field.name): \(field.type)\(value.map { " = \($0)" } ?? "")"
        }
        let assignments = properties.fields.map { "self.`\($0.name)` = `\($0.name)`" }
        return [
            """
            /// Makes a message from its members.
            \(raw: access)init(\(raw: parameters.joined(separator: ", "))) {
            \(raw: assignments.joined(separator: "\n"))
            }
            """
        ]
    }
}

extension MessageMacro: ExtensionMacro {
    /// Adds the codec, the schema and the description. Reports a declaration that is not a struct or an enum.
    package static func expansion(
        of node: AttributeSyntax,
        attachedTo declaration: some DeclGroupSyntax,
        providingExtensionsOf type: some TypeSyntaxProtocol,
        conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [ExtensionDeclSyntax] {
        guard let forbidsUnknown = node.flag("forbidsUnknown") else {
            context.report(.literalForbidsUnknown, at: node)
            return []
        }
        if let declaration = declaration.as(StructDeclSyntax.self) {
            return structExtension(declaration, type, forbidsUnknown, in: context)
        }
        if let declaration = declaration.as(EnumDeclSyntax.self) {
            return enumExtension(declaration, type, forbidsUnknown, in: context)
        }
        context.report(.notAMessage, at: node)
        return []
    }

    private static func structExtension(
        _ declaration: StructDeclSyntax, _ type: some TypeSyntaxProtocol, _ forbidsUnknown: Bool,
        in context: some MacroExpansionContext
    ) -> [ExtensionDeclSyntax] {
        let properties = properties(of: declaration, reportingTo: context)
        guard properties.isValid else { return [] }
        let code = FieldCode(fields: properties.fields, forbidsUnknown: forbidsUnknown, in: context)
        return conformance(
            declaration, type, in: context, fields: properties.fields,
            decode: code.decode { arguments in
                guard declaration.memberBlock.members.contains(where: \.decl.isValidation) else {
                    return "return Self(\(arguments))"
                }
                let made = context.makeUniqueName("made").text
                return """
                    let \(made) = Self(\(arguments))
                    decoder.checkWhole { \(made).validate(into: &$0) }
                    return \(made)
                    """
            },
            encode:
                "writer.beginObject(\(code.count(of: code.property)))\n\(code.encode(code.property))\nwriter.endObject()",
            description: "\"\(declaration.name.text)(\(code.describe(code.property)))\"",
            schema: "._message(\"\\(Self.self)\", \(declaration.leadingTrivia.documentation.literal)"
                + "\(forbidsUnknown ? ", forbidsUnknown: true" : "")) { \(code.schema) }",
            generics: declaration.genericParameterClause,
            regularExpressions: code.regularExpressions)
    }

    private static func enumExtension(
        _ declaration: EnumDeclSyntax, _ type: some TypeSyntaxProtocol, _ forbidsUnknown: Bool,
        in context: some MacroExpansionContext
    ) -> [ExtensionDeclSyntax] {
        let cases = declaration.memberBlock.members.compactMap { $0.decl.as(EnumCaseDeclSyntax.self) }
        let hasPayload = cases.contains { $0.elements.contains { $0.parameterClause != nil } }
        if !hasPayload, hasRawType(declaration, cases) {
            // The raw value already has a codec.
            let names = cases.flatMap { $0.elements.map { ".`\(MessageField.bare($0.name))`" } }
            let source: DeclSyntax = """
                extension \(raw: type.trimmedDescription): Message {
                /// The schema of the raw values.
                \(raw: access(declaration.modifiers, in: context))static var _schema: Schema {
                ._enumeration(Self.self, \(raw: declaration.leadingTrivia.documentation.literal), \
                [\(raw: names.joined(separator: ", "))])
                }
                }
                """
            return source.as(ExtensionDeclSyntax.self).map { [$0] } ?? []
        }
        var encodeCases: [String] = []
        var decodeCases: [String] = []
        var describeCases: [String] = []
        var tags: [String] = []
        var schemas: [String] = []
        var allFields: [MessageField] = []
        var regularExpressions: [String] = []
        let tagName = context.makeUniqueName("tag").text
        for caseDeclaration in cases {
            guard checkAttributes(of: caseDeclaration, in: context) else { return [] }
            for element in caseDeclaration.elements {
                guard let fields = payload(of: element, caseDeclaration.attributes, in: context) else { return [] }
                let name = MessageField.bare(element.name)
                let tag =
                    caseDeclaration.attributes.filter { $0.as(AttributeSyntax.self)?.payload == nil }.wireName ?? name
                if tags.contains(tag) { context.report(.duplicateName, at: element) }
                tags.append(tag)
                let code = FieldCode(
                    fields: fields, prefix: "case\(tags.count)_", forbidsUnknown: forbidsUnknown, in: context)
                allFields += fields
                regularExpressions += code.regularExpressions
                let documentation = caseDeclaration.leadingTrivia.documentation.literal
                schemas.append("(\(tag.literal), \(documentation), \(code.schema))")
                let pattern = ".`\(name)`\(code.casePattern)"
                encodeCases.append(
                    "case \(pattern):\nwriter.beginObject(\(code.count(of: code.payload, more: 1)))\n"
                        + "writer.key(\"type\")\nwriter.write(\(tag.literal))\n\(code.encode(code.payload))")
                decodeCases.append(
                    "case \(tag.literal):\n"
                        + code.decode(skipping: "type") { "return Self.`\(name)`\($0.isEmpty ? "" : "(\($0))")" })
                describeCases.append(
                    "case .`\(name)`\(code.describePattern): return \"\(declaration.name.text).\(name)(\(code.describe(code.payload)))\""
                )
            }
        }
        return conformance(
            declaration, type, in: context, fields: allFields,
            decode: """
                guard let \(tagName) = try decoder.tag() else { return nil }
                switch \(tagName) {
                \(decodeCases.joined(separator: "\n"))
                default:
                decoder.violated("enum", \("must be one of \(tags.joined(separator: ", "))".literal), at: "type")
                try decoder.reader.skipValue()
                return nil
                }
                """,
            encode: """
                switch self {
                \(encodeCases.joined(separator: "\n"))
                }
                writer.endObject()
                """,
            description: "switch self {\n\(describeCases.joined(separator: "\n"))\n}",
            schema: "._union(\"\\(Self.self)\", \(declaration.leadingTrivia.documentation.literal)"
                + "\(forbidsUnknown ? ", forbidsUnknown: true" : "")) {\n[\(schemas.joined(separator: ",\n"))]\n}",
            generics: declaration.genericParameterClause, regularExpressions: regularExpressions)
    }

    /// Whether an enum has raw values: a literal can be of its first inherited type, or a case has a value.
    private static func hasRawType(_ declaration: EnumDeclSyntax, _ cases: [EnumCaseDeclSyntax]) -> Bool {
        if cases.contains(where: { $0.elements.contains { $0.rawValue != nil } }) { return true }
        let literals: Set = [
            "String", "Character", "Double", "Float", "Int", "Int8", "Int16", "Int32", "Int64", "UInt", "UInt8",
            "UInt16", "UInt32", "UInt64",
        ]
        guard let first = declaration.inheritanceClause?.inheritedTypes.first?.type.trimmedDescription else {
            return false
        }
        return literals.contains(first) || first.hasPrefix("Swift.") && literals.contains(String(first.dropFirst(6)))
    }

    /// Whether each attribute of a case names an associated value of the case. Reports those that do not.
    private static func checkAttributes(
        of declaration: EnumCaseDeclSyntax, in context: some MacroExpansionContext
    ) -> Bool {
        let labels = declaration.elements.flatMap { element in
            (element.parameterClause?.parameters ?? []).compactMap { $0.firstName.map(MessageField.bare) }
        }
        var isValid = true
        for attribute in declaration.attributes.compactMap({ $0.as(AttributeSyntax.self) }) where attribute.isOfMember {
            if let label = attribute.payload {
                if labels.contains(label) { continue }
                context.report(.noSuchPayload(label), at: attribute)
                isValid = false
            } else if attribute.attributeName.trimmedDescription != "WireName" {
                context.report(.payloadNotNamed, at: attribute)
                isValid = false
            }
        }
        return isValid
    }

    private static func payload(
        of element: EnumCaseElementSyntax, _ attributes: AttributeListSyntax, in context: some MacroExpansionContext
    ) -> [MessageField]? {
        var fields: [MessageField] = []
        var nodes: [Syntax] = []
        var isValid = true
        for parameter in element.parameterClause?.parameters ?? [] {
            guard let label = parameter.firstName, label.text != "_" else {
                context.report(.unlabelledPayload, at: parameter)
                isValid = false
                continue
            }
            let name = MessageField.bare(label)
            if parameter.type.isUnsupported {
                context.report(.unsupportedType, at: parameter.type)
                isValid = false
            }
            let field = MessageField(name: name, type: parameter.type, attributes: attributes.about(name))
            if field.wireName == "type" {
                context.report(.tagCollision, at: parameter)
                isValid = false
            }
            fields.append(field)
            nodes.append(Syntax(parameter))
        }
        fields.reportDuplicates(at: nodes, in: context)
        return isValid ? fields : nil
    }

    private static func conformance(
        _ declaration: some DeclGroupSyntax, _ type: some TypeSyntaxProtocol, in context: some MacroExpansionContext,
        fields: [MessageField], decode: String, encode: String, description: String, schema: String,
        generics: GenericParameterClauseSyntax?, regularExpressions: [String]
    ) -> [ExtensionDeclSyntax] {
        if let generics, !regularExpressions.isEmpty {
            // A generic type has no static storage for an expression that is made once.
            context.report(.genericMatches, at: generics)
            return []
        }
        let support =
            regularExpressions.isEmpty
            ? "" : "private enum \(FieldCode.expressions) {\n\(regularExpressions.joined(separator: "\n"))\n}\n\n"
        let access = access(declaration.modifiers, in: context)
        // Swift shows a value by its `description`. A type's own member of that name may be a secret, or the author's
        // text. Then the macro declares `debugDescription` instead. Swift shows that one if the type does not conform
        // to `CustomStringConvertible`.
        let isTaken = declaration.memberBlock.members.contains { $0.decl.declares("description") }
        // A generic parameter without a constraint must be a value of a message.
        let open = generics?.parameters.filter { $0.inheritedType == nil }.map { "\($0.name.text): MessageValue" } ?? []
        let requirements = open.isEmpty ? "" : "where \(open.joined(separator: ", "))"
        let describes = isTaken ? "CustomDebugStringConvertible" : "CustomStringConvertible"
        let compression =
            fields.mayCompress.map {
                "/// A message with a secret is uncompressed.\n\(access)static var _allowsCompression: Bool { \($0) }\n\n"
            } ?? ""
        let declaration: DeclSyntax = """
            extension \(raw: type.trimmedDescription): Message, \(raw: describes) \(raw: requirements) {
            \(raw: support)/// The schema of the declaration.
            \(raw: access)static var _schema: Schema {
            \(raw: schema)
            }

            \(raw: compression)/// Reads the message. Adds what is wrong with it to the decoder's violations.
            \(raw: access)static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Self? {
            \(raw: decode)
            }

            /// Writes the message, its members in the order of their declaration.
            \(raw: access)func _encode(to writer: inout _ValueWriter) {
            \(raw: encode)
            }

            /// The members, with sensitive ones redacted.
            \(raw: access)var \(raw: isTaken ? "debugDescription" : "description"): String {
            \(raw: description)
            }
            }
            """
        return declaration.as(ExtensionDeclSyntax.self).map { [$0] } ?? []
    }
}

extension DeclSyntax {
    /// Whether the declaration is the method `validate(into:)`, which checks several members together.
    fileprivate var isValidation: Bool {
        guard let function = self.as(FunctionDeclSyntax.self), function.name.text == "validate" else { return false }
        let parameters = function.signature.parameterClause.parameters
        return parameters.count == 1 && parameters.first?.firstName.text == "into"
    }

    /// Whether the declaration is an instance property of that name.
    fileprivate func declares(_ name: String) -> Bool {
        guard let variable = self.as(VariableDeclSyntax.self),
            !variable.modifiers.contains(where: { $0.name.text == "static" })
        else { return false }
        return variable.bindings.contains {
            $0.pattern.as(IdentifierPatternSyntax.self).map { MessageField.bare($0.identifier) == name } ?? false
        }
    }
}
