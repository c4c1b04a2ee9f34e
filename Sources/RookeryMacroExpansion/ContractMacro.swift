import SwiftParser
package import SwiftSyntax
import SwiftSyntaxBuilder
package import SwiftSyntaxMacros

/// `@Contract`: a protocol's commands, the routes that serve them and the client that calls them.
package struct ContractMacro: PeerMacro {
    private struct Entry {
        let name: String
        let kind: String
        /// The Swift expression that makes the pattern.
        let pattern: String
        /// What has to differ between two commands.
        let identity: String
        let idempotency: String
        let timeout: String?
        let group: String?
        let parameter: Parameter?
        let reply: String?
    }

    /// The one parameter of a function: the message.
    private struct Parameter {
        /// What its callers write before it, and `_` when that is nothing.
        let label: String
        let type: String
    }

    /// Adds `<Name>Contract` and `<Name>Client`.
    package static func expansion(
        of node: AttributeSyntax,
        providingPeersOf declaration: some DeclSyntaxProtocol,
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] {
        guard let contract = declaration.as(ProtocolDeclSyntax.self) else {
            context.report(.notAContract, at: node)
            return []
        }
        let inherited = contract.inheritanceClause?.inheritedTypes.map(\.type.trimmedDescription) ?? []
        guard inherited.contains(where: { $0 == "Sendable" || $0 == "Swift.Sendable" }) else {
            context.report(.notSendable, at: contract.name)
            return []
        }
        var entries: [Entry] = []
        var isValid = true
        for member in contract.memberBlock.members {
            guard let function = member.decl.as(FunctionDeclSyntax.self) else {
                context.report(.notAFunction, at: member.decl)
                isValid = false
                continue
            }
            guard let entry = entry(of: function, in: context) else {
                isValid = false
                continue
            }
            if let other = entries.first(where: {
                $0.identity == entry.identity && !($0.kind == "event" && entry.kind == "event")
            }) {
                context.report(.duplicatePattern(other.name), at: function.name)
                isValid = false
            }
            entries.append(entry)
        }
        guard isValid else { return [] }
        // What stands beside a private protocol is no more visible than it.
        let isPrivate = contract.modifiers.contains { ["private", "fileprivate"].contains($0.name.text) }
        let access = isPrivate ? "fileprivate " : MessageMacro.access(contract.modifiers)
        let name = contract.name.text
        return [commands(name, access, entries), client(name, access, entries)]
    }

    private static func entry(of function: FunctionDeclSyntax, in context: some MacroExpansionContext) -> Entry? {
        let kinds = ["MessagePattern": "request", "EventPattern": "event", "StreamPattern": "stream"]
        let attributes = function.attributes.compactMap { $0.as(AttributeSyntax.self) }.filter {
            kinds[$0.attributeName.trimmedDescription] != nil
        }
        guard let attribute = attributes.first, let kind = kinds[attribute.attributeName.trimmedDescription] else {
            context.report(.missingPattern, at: function.name)
            return nil
        }
        if attributes.count > 1 {
            context.report(.manyPatterns, at: attributes[1])
            return nil
        }
        let effects = function.signature.effectSpecifiers
        guard effects?.asyncSpecifier != nil, effects?.throwsClause != nil else {
            context.report(.notAsyncThrows, at: function.name)
            return nil
        }
        if let generics = function.genericParameterClause {
            context.report(.genericFunction, at: generics)
            return nil
        }
        let parameters = function.signature.parameterClause.parameters
        guard parameters.count <= 1 else {
            context.report(.manyParameters, at: function.signature.parameterClause)
            return nil
        }
        let reply = function.signature.returnClause?.type
        let returnsStream = reply?.as(IdentifierTypeSyntax.self)?.name.text == "MessageStream"
        switch kind {
        case "event":
            if let reply, !["Void", "()"].contains(reply.trimmedDescription) {
                context.report(.eventReturns, at: reply)
                return nil
            }
        case "stream":
            if !returnsStream {
                context.report(.streamReturns, at: reply.map(Syntax.init) ?? Syntax(function.name))
                return nil
            }
        default:
            if let reply, returnsStream {
                context.report(.requestReturnsStream, at: reply)
                return nil
            }
        }
        return entry(of: function, attribute, kind, in: context)
    }

    private static func entry(
        of function: FunctionDeclSyntax, _ attribute: AttributeSyntax, _ kind: String,
        in context: some MacroExpansionContext
    ) -> Entry? {
        let arguments = attribute.arguments?.as(LabeledExprListSyntax.self).map(Array.init) ?? []
        guard let first = arguments.first else {
            context.report(.literalPattern, at: attribute)
            return nil
        }
        let pattern: String
        let identity: String
        if first.label?.text == "object" {
            pattern = "Pattern(object: \(first.expression.trimmedDescription))"
            identity = "object:" + first.expression.tokens(viewMode: .sourceAccurate).map(\.text).joined()
        } else if let text = first.expression.as(StringLiteralExprSyntax.self)?.representedLiteralValue {
            let isCommand = first.label?.text == "cmd"
            pattern = isCommand ? "Pattern(cmd: \(text.literal))" : "Pattern(\(text.literal))"
            identity = (isCommand ? "cmd:" : "text:") + text
        } else {
            context.report(.literalPattern, at: first.expression)
            return nil
        }
        let isStream = kind == "stream"
        let idempotency =
            arguments.dropFirst().first { $0.label == nil }?.expression.trimmedDescription
            ?? (isStream ? ".safe" : ".unsafe")
        let timeout = arguments.first { $0.label?.text == "timeout" }?.expression.trimmedDescription
        let group = arguments.first { $0.label?.text == "group" }?.expression.trimmedDescription
        let parameter = function.signature.parameterClause.parameters.first.map {
            Parameter(label: $0.firstName.text, type: $0.type.trimmedDescription)
        }
        let reply = function.signature.returnClause?.type.trimmedDescription
        return Entry(
            name: MessageField.bare(function.name), kind: kind, pattern: pattern, identity: identity,
            idempotency: idempotency, timeout: timeout, group: group, parameter: parameter,
            reply: reply == "Void" || reply == "()" ? nil : reply)
    }

    private static func commands(_ name: String, _ access: String, _ entries: [Entry]) -> DeclSyntax {
        let constants = entries.map { entry in
            """
            /// The command of ``\(name)/\(entry.name)``.
            \(access)static let \(entry.name) = Command(\(entry.name.literal), pattern: \(entry.pattern), \
            kind: .\(entry.kind), idempotency: \(entry.idempotency), timeout: \(entry.timeout ?? "nil")\
            \(entry.group.map { ", group: \($0)" } ?? ""))
            """
        }
        let routes = entries.map { entry in
            let call = "try await service.\(entry.name)(\(callArgument(entry)))"
            let message = entry.parameter.map { "let message = try payload.decode(\($0.type).self)" } ?? ""
            // Straight to the sink: each closure in between would cost the message a change of executors.
            let body: String
            if entry.kind == "stream" {
                body =
                    "\(message)\nlet values = \(call)\n"
                    + "for try await value in values { try await sink.value(value) }\nsink.endStream()"
            } else if entry.reply == nil {
                body = "\(message)\n\(call)\nsink.end()"
            } else {
                body = "\(message)\nsink.reply(\(call))"
            }
            return "Route(\(entry.name)) { payload, sink in\n\(body)\n}"
        }
        return """
            /// The commands of ``\(raw: name)``, and the routes that serve them.
            \(raw: access)enum \(raw: name)Contract {
            \(raw: constants.joined(separator: "\n\n"))

            /// Every command, in the order of declaration.
            \(raw: access)static let commands: [Command] = [\(raw: entries.map(\.name).joined(separator: ", "))]

            /// Routes that hand each command to `service`.
            \(raw: access)static func routes(for service: some \(raw: name)) -> [Route] {
            [
            \(raw: routes.joined(separator: ",\n"))
            ]
            }
            }
            """
    }

    /// What the protocol's function is called with: its own label, and the message.
    private static func callArgument(_ entry: Entry) -> String {
        guard let parameter = entry.parameter else { return "" }
        return parameter.label == "_" ? "message" : "\(parameter.label): message"
    }

    private static func client(_ name: String, _ access: String, _ entries: [Entry]) -> DeclSyntax {
        let functions = entries.map { entry in
            let message = entry.parameter == nil ? "Empty()" : "message"
            let parameter = entry.parameter.map { "\($0.label) message: \($0.type)" } ?? ""
            let call = "try await client.\(entry.kind == "event" ? "emit" : entry.kind)"
            return """
                /// Calls ``\(name)/\(entry.name)`` at the service.
                \(access)func \(entry.name)(\(parameter)) async throws\(entry.reply.map { " -> \($0)" } ?? "") {
                \(call)(\(name)Contract.\(entry.name), \(message))
                }
                """
        }
        return """
            /// Calls a service that serves ``\(raw: name)``.
            \(raw: access)struct \(raw: name)Client: \(raw: name) {
            private let client: RookeryClient

            /// Calls through `client`.
            \(raw: access)init(_ client: RookeryClient) { self.client = client }

            \(raw: functions.joined(separator: "\n\n"))
            }
            """
    }
}
