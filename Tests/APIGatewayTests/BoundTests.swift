import Foundation
import SwiftParser
import SwiftSyntax
import Testing

/// Reads the sources: no test that sends messages can show that none was forgotten.
@Suite("Every text and list in a message that a peer may send")
struct BoundTests {
    private struct Message {
        var properties: [(name: String, type: String, attributes: Set<String>)] = []
    }

    private final class Reader: SyntaxVisitor {
        var messages: [String: Message] = [:]
        /// The messages that commands take.
        var taken: Set<String> = []

        private static func has(_ name: String, _ attributes: AttributeListSyntax) -> Bool {
            attributes.contains { $0.as(AttributeSyntax.self)?.attributeName.trimmedDescription == name }
        }

        override func visit(_ node: StructDeclSyntax) -> SyntaxVisitorContinueKind {
            // What is no message reads itself, and refuses what it does not know.
            guard Self.has("Message", node.attributes) else { return .skipChildren }
            var message = Message()
            for member in node.memberBlock.members {
                guard let variable = member.decl.as(VariableDeclSyntax.self),
                    !variable.modifiers.contains(where: { $0.name.text == "static" }),
                    let binding = variable.bindings.first, binding.accessorBlock == nil,
                    let type = binding.typeAnnotation?.type
                else { continue }
                let attributes = variable.attributes.compactMap {
                    $0.as(AttributeSyntax.self)?.attributeName.trimmedDescription
                }
                message.properties.append(
                    (binding.pattern.trimmedDescription, type.trimmedDescription, Set(attributes)))
            }
            messages[node.name.text] = message
            return .visitChildren
        }

        override func visit(_ node: ProtocolDeclSyntax) -> SyntaxVisitorContinueKind {
            guard Self.has("Contract", node.attributes) else { return .skipChildren }
            for member in node.memberBlock.members {
                guard let function = member.decl.as(FunctionDeclSyntax.self) else { continue }
                for parameter in function.signature.parameterClause.parameters {
                    taken.insert(parameter.type.trimmedDescription)
                }
            }
            return .skipChildren
        }
    }

    private static func sources() throws -> Reader {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources")
        let contracts = try FileManager.default.contentsOfDirectory(
            at: root.appending(path: "PetProContracts"), includingPropertiesForKeys: nil)
        let reader = Reader(viewMode: .sourceAccurate)
        for file in contracts where file.pathExtension == "swift" {
            reader.walk(Parser.parse(source: try String(contentsOf: file, encoding: .utf8)))
        }
        let bodies = Reader(viewMode: .sourceAccurate)
        let file = root.appending(path: "APIGateway/Bodies.swift")
        bodies.walk(Parser.parse(source: try String(contentsOf: file, encoding: .utf8)))
        reader.messages.merge(bodies.messages) { first, _ in first }
        reader.taken.formUnion(bodies.messages.keys)
        return reader
    }

    @Test("has a bound in its declaration")
    func bounds() throws {
        let reader = try Self.sources()
        #expect(reader.taken.count >= 40, "\(reader.taken.sorted())")
        var left = reader.taken
        var seen: Set<String> = []
        var texts = 0
        while let name = left.popFirst() {
            guard seen.insert(name).inserted, let message = reader.messages[name] else { continue }
            for (property, type, attributes) in message.properties {
                let bare = type.hasSuffix("?") ? String(type.dropLast()) : type
                let element = bare.hasPrefix("[") ? String(bare.dropFirst().dropLast()) : bare
                left.insert(element)
                if bare.hasPrefix("[") {
                    #expect(attributes.contains("Items"), "\(name).\(property) may have any number of elements")
                }
                guard element == "String" else { continue }
                texts += 1
                #expect(
                    !attributes.isDisjoint(with: ["Length", "Line", "Text", "Email", "Matches"]),
                    "\(name).\(property) may be of any length")
            }
        }
        #expect(texts > 30)
    }

    @Test("is marked as personal data or as a secret, or says why it is neither")
    func marks() throws {
        let messages = try Self.sources().messages
        var texts = 0
        for (name, message) in messages {
            for (property, type, attributes) in message.properties {
                guard ["String", "String?", "[String]", "[String]?"].contains(type) else { continue }
                texts += 1
                #expect(
                    !attributes.isDisjoint(with: ["PII", "Sensitive", "NotPersonal"]),
                    "\(name).\(property) may hold anything about a person")
            }
        }
        #expect(texts > 60)
    }
}
