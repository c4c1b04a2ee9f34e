package import SwiftSyntax
import SwiftSyntaxBuilder
package import SwiftSyntaxMacros

/// `@Message`: codec, validation, memberwise initialiser and redacted description.
package struct MessageMacro {
    fileprivate struct Properties {
        var fields: [MessageField] = []
        var nodes: [Syntax] = []
        var isValid = true
    }

    /// `public ` or `package `, or nothing.
    static func access(_ modifiers: DeclModifierListSyntax) -> String {
        for modifier in modifiers where ["public", "package"].contains(modifier.name.text) {
            return modifier.name.text + " "
        }
        return ""
    }

    /// The stored properties of a struct. Only reports what is wrong when asked, because two roles look at them.
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
                // `var a, b: Int`: the type stands at the last of them.
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
                let name = MessageField.bare(pattern.identifier)
                let attributes = variable.attributes
                properties.fields.append(
                    MessageField(
                        name: name,
                        wireName: attributes.wireName ?? name,
                        type: type.trimmedDescription,
                        isOptional: type.isOptional,
                        writesNull: attributes.named("ExplicitNull") != nil,
                        isRedacted: attributes.named("Sensitive") != nil || attributes.named("PII") != nil,
                        defaultValue: binding.initializer?.value.trimmedDescription,
                        constraints: attributes.constraints))
                properties.nodes.append(Syntax(pattern))
            }
        }
        if let context { FieldCode(fields: properties.fields).reportDuplicates(at: properties.nodes, in: context) }
        return properties
    }
}

extension AccessorBlockSyntax {
    /// Observers leave a property stored.
    var isComputed: Bool {
        switch accessors {
        case .getter: return true
        case .accessors(let list):
            return list.contains { !["willSet", "didSet"].contains($0.accessorSpecifier.text) }
        }
    }
}

extension MessageMacro: MemberMacro {
    /// The memberwise initialiser.
    package static func expansion(
        of node: AttributeSyntax,
        providingMembersOf declaration: some DeclGroupSyntax,
        conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] {
        guard let declaration = declaration.as(StructDeclSyntax.self) else { return [] }
        let properties = properties(of: declaration, reportingTo: nil)
        guard properties.isValid, declaration.genericParameterClause == nil else { return [] }
        let access = access(declaration.modifiers)
        let parameters = properties.fields.map { field in
            let value = field.defaultValue ?? (field.isOptional ? "nil" : nil)
            return "\(field.name): \(field.type)\(value.map { " = \($0)" } ?? "")"
        }
        let assignments = properties.fields.map { "self.`\($0.name)` = `\($0.name)`" }
        return [
            """
            /// Makes a message of its members.
            \(raw: access)init(\(raw: parameters.joined(separator: ", "))) {
            \(raw: assignments.joined(separator: "\n"))
            }
            """
        ]
    }
}

extension MessageMacro: ExtensionMacro {
    /// Codec and description.
    package static func expansion(
        of node: AttributeSyntax,
        attachedTo declaration: some DeclGroupSyntax,
        providingExtensionsOf type: some TypeSyntaxProtocol,
        conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [ExtensionDeclSyntax] {
        if let declaration = declaration.as(StructDeclSyntax.self) {
            return structExtension(declaration, type, in: context)
        }
        if let declaration = declaration.as(EnumDeclSyntax.self) {
            return enumExtension(declaration, type, in: context)
        }
        context.report(.notAMessage, at: node)
        return []
    }

    private static func structExtension(
        _ declaration: StructDeclSyntax, _ type: some TypeSyntaxProtocol, in context: some MacroExpansionContext
    ) -> [ExtensionDeclSyntax] {
        if let generics = declaration.genericParameterClause {
            context.report(.genericMessage, at: generics)
            return []
        }
        let properties = properties(of: declaration, reportingTo: context)
        guard properties.isValid else { return [] }
        let code = FieldCode(fields: properties.fields)
        let arguments = properties.fields.map { "\($0.name): `\($0.name)`" }.joined(separator: ", ")
        return conformance(
            type, access: access(declaration.modifiers),
            decode: "guard var members = try decoder.beginMessage() else { return nil }\n"
                + code.decode(result: "return Self(\(arguments))"),
            encode:
                "writer.beginObject(\(code.count(prefix: "self.")))\n\(code.encode(prefix: "self."))\nwriter.endObject()",
            description: "\"\(declaration.name.text)(\(describe(properties.fields, prefix: "self.")))\"")
    }

    private static func enumExtension(
        _ declaration: EnumDeclSyntax, _ type: some TypeSyntaxProtocol, in context: some MacroExpansionContext
    ) -> [ExtensionDeclSyntax] {
        if let generics = declaration.genericParameterClause {
            context.report(.genericMessage, at: generics)
            return []
        }
        let cases = declaration.memberBlock.members.compactMap { $0.decl.as(EnumCaseDeclSyntax.self) }
        let hasPayload = cases.contains { $0.elements.contains { $0.parameterClause != nil } }
        if declaration.inheritanceClause != nil, !hasPayload {
            // A raw value is its own codec.
            return ["extension \(raw: type.trimmedDescription): Message {}"].compactMap {
                (declaration: DeclSyntax) in declaration.as(ExtensionDeclSyntax.self)
            }
        }
        var encodeCases: [String] = []
        var decodeCases: [String] = []
        var describeCases: [String] = []
        var tags: [String] = []
        for caseDeclaration in cases {
            for element in caseDeclaration.elements {
                guard let fields = payload(of: element, in: context) else { return [] }
                let name = MessageField.bare(element.name)
                let tag = caseDeclaration.attributes.wireName ?? name
                if tags.contains(tag) { context.report(.duplicateName, at: element) }
                tags.append(tag)
                let code = FieldCode(fields: fields)
                let bindings = fields.map { "let `\($0.name)`" }.joined(separator: ", ")
                let pattern = fields.isEmpty ? ".`\(name)`" : ".`\(name)`(\(bindings))"
                encodeCases.append(
                    "case \(pattern):\nwriter.beginObject(\(code.count(prefix: "", more: 1)))\n"
                        + "writer.key(\"type\")\nwriter.write(\(tag.literal))\n\(code.encode(prefix: ""))")
                let arguments = fields.map { "\($0.name): `\($0.name)`" }.joined(separator: ", ")
                let value = fields.isEmpty ? ".`\(name)`" : ".`\(name)`(\(arguments))"
                decodeCases.append(
                    "case \(tag.literal):\nguard var members = try decoder.beginMessage() else { return nil }\n"
                        + code.decode(skipping: "type", result: "return \(value)"))
                describeCases.append(
                    "case \(pattern): return \"\(declaration.name.text).\(name)(\(describe(fields, prefix: "")))\"")
            }
        }
        return conformance(
            type, access: access(declaration.modifiers),
            decode: """
                guard let tag = try decoder.tag() else { return nil }
                switch tag {
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
            description: "switch self {\n\(describeCases.joined(separator: "\n"))\n}")
    }

    private static func payload(
        of element: EnumCaseElementSyntax, in context: some MacroExpansionContext
    ) -> [MessageField]? {
        var fields: [MessageField] = []
        var isValid = true
        for parameter in element.parameterClause?.parameters ?? [] {
            guard let label = parameter.firstName, label.text != "_" else {
                context.report(.unlabelledPayload, at: parameter)
                isValid = false
                continue
            }
            let name = MessageField.bare(label)
            if name == "type" {
                context.report(.tagCollision, at: parameter)
                isValid = false
            }
            if parameter.type.isUnsupported {
                context.report(.unsupportedType, at: parameter.type)
                isValid = false
            }
            fields.append(
                MessageField(
                    name: name, wireName: name, type: parameter.type.trimmedDescription,
                    isOptional: parameter.type.isOptional, writesNull: false, isRedacted: false, defaultValue: nil,
                    constraints: []))
        }
        return isValid ? fields : nil
    }

    private static func describe(_ fields: [MessageField], prefix: String) -> String {
        fields.map { field in
            if field.isRedacted { return "\(field.name): [redacted]" }
            return "\(field.name): \\(MessageText.of(\(prefix)`\(field.name)`))"
        }.joined(separator: ", ")
    }

    private static func conformance(
        _ type: some TypeSyntaxProtocol, access: String, decode: String, encode: String, description: String
    ) -> [ExtensionDeclSyntax] {
        let declaration: DeclSyntax = """
            extension \(raw: type.trimmedDescription): Message, CustomStringConvertible {
            /// Reads the message; everything wrong with it is among the decoder's violations.
            \(raw: access)static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Self? {
            \(raw: decode)
            }

            /// Writes the message, its members in the order of their declaration.
            \(raw: access)func encode(to writer: inout ValueWriter) {
            \(raw: encode)
            }

            /// The members, sensitive ones redacted.
            \(raw: access)var description: String {
            \(raw: description)
            }
            }
            """
        return declaration.as(ExtensionDeclSyntax.self).map { [$0] } ?? []
    }
}
