import SwiftParser
package import SwiftSyntax
import SwiftSyntaxBuilder
package import SwiftSyntaxMacros

/// `@Contract`: generates a protocol's commands, the service that serves them, the client that calls them, and the stub
/// for tests.
package struct ContractMacro: PeerMacro {
    private struct Entry {
        let name: String
        let kind: String
        let patterns: [PatternSource]
        let idempotency: String
        let options: [String: String]
        let documentation: String?
        let message: Parameter?
        let clientStream: Parameter?
        let reply: String?

        /// The parameters as the protocol declares them, with names of ours.
        var parameters: String {
            [message.map { "\($0.label) message: \($0.type)" }, clientStream.map { "\($0.label) values: \($0.type)" }]
                .compactMap(\.self).joined(separator: ", ")
        }

        /// The arguments with which generated code calls the protocol's function.
        var arguments: String {
            [message.map { $0.argument("message") }, clientStream.map { $0.argument("values") }]
                .compactMap(\.self).joined(separator: ", ")
        }
    }

    /// One pattern of a command.
    private struct PatternSource {
        /// The Swift expression that makes it.
        let expression: String
        /// The text that must differ between two commands.
        let identity: String
    }

    /// A parameter of a function: the message, or the client stream.
    private struct Parameter {
        /// The argument label; `_` if there is none.
        let label: String
        let type: String

        init(_ parameter: FunctionParameterSyntax) {
            label = parameter.firstName.text
            type = parameter.type.trimmedDescription
        }

        func argument(_ name: String) -> String { label == "_" ? name : "\(label): \(name)" }
    }

    /// Adds `<Name>Contract`, `<Name>Client` and `<Name>Stub`. Reports errors in the protocol and then adds nothing.
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
        guard let forbidsUnknown = node.flag("forbidsUnknown") else {
            context.report(.literalForbidsUnknown, at: node)
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
            let identities = entry.patterns.map(\.identity)
            if let other = entries.first(where: { other in
                !(other.kind == "event" && entry.kind == "event")
                    && other.patterns.contains { identities.contains($0.identity) }
            }) {
                context.report(.duplicatePattern(other.name), at: function.name)
                isValid = false
            } else if Set(identities).count != identities.count {
                context.report(.duplicatePattern(entry.name), at: function.name)
                isValid = false
            }
            entries.append(entry)
        }
        guard isValid else { return [] }
        let access = MessageMacro.access(contract.modifiers, in: context)
        let name = contract.name.text
        let documentation = contract.leadingTrivia.documentation
        return [
            commands(name, access, entries, documentation, forbidsUnknown: forbidsUnknown),
            client(name, access, entries), stub(name, access, entries),
        ]
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
        for further in attributes.dropFirst() {
            guard kinds[further.attributeName.trimmedDescription] == kind else {
                context.report(.mixedPatterns, at: further)
                return nil
            }
            if (further.arguments?.as(LabeledExprListSyntax.self)?.count ?? 0) > 1 {
                context.report(.lateOption, at: further)
                return nil
            }
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
        let parameters = Array(function.signature.parameterClause.parameters)
        // At most a message, and behind it a client stream.
        guard parameters.count <= 2, parameters.dropLast().allSatisfy({ !isStream($0.type) }),
            parameters.count < 2 || isStream(parameters[1].type)
        else {
            context.report(.manyParameters, at: function.signature.parameterClause)
            return nil
        }
        if kind == "event", let last = parameters.last, isStream(last.type) {
            context.report(.eventTakesStream, at: last)
            return nil
        }
        let reply = function.signature.returnClause?.type
        let returnsStream = reply.map { isStream($0) } ?? false
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
        return entry(of: function, attributes, kind, in: context)
    }

    private static func isStream(_ type: TypeSyntax) -> Bool {
        type.as(IdentifierTypeSyntax.self)?.name.text == "MessageStream"
    }

    private static func entry(
        of function: FunctionDeclSyntax, _ attributes: [AttributeSyntax], _ kind: String,
        in context: some MacroExpansionContext
    ) -> Entry? {
        var patterns: [PatternSource] = []
        for attribute in attributes {
            guard let pattern = pattern(of: attribute, in: context) else { return nil }
            patterns.append(pattern)
        }
        let arguments = attributes.first?.arguments?.as(LabeledExprListSyntax.self).map(Array.init) ?? []
        let labelled = arguments.dropFirst().compactMap { argument in
            argument.label.map { ($0.text, argument.expression.trimmedDescription) }
        }
        let idempotency = arguments.dropFirst().first { $0.label == nil }?.expression.trimmedDescription
        let parameters = function.signature.parameterClause.parameters
        let clientStream = parameters.last.flatMap { isStream($0.type) ? Parameter($0) : nil }
        if clientStream != nil,
            let option = arguments.dropFirst().first(where: { argument in
                argument.label?.text == "resuming"
                    || argument.label == nil && argument.expression.trimmedDescription != ".unsafe"
            })
        {
            context.report(.repeatedStream, at: option)
            return nil
        }
        let reply = function.signature.returnClause?.type.trimmedDescription
        return Entry(
            name: MessageField.bare(function.name), kind: kind, patterns: patterns,
            idempotency: idempotency ?? (kind == "stream" && clientStream == nil ? ".safe" : ".unsafe"),
            options: Dictionary(labelled, uniquingKeysWith: { first, _ in first }),
            documentation: function.leadingTrivia.documentation,
            message: parameters.first.flatMap { isStream($0.type) ? nil : Parameter($0) }, clientStream: clientStream,
            reply: reply == "Void" || reply == "()" ? nil : reply)
    }

    private static func pattern(
        of attribute: AttributeSyntax, in context: some MacroExpansionContext
    ) -> PatternSource? {
        guard let first = attribute.arguments?.as(LabeledExprListSyntax.self)?.first else {
            context.report(.literalPattern, at: attribute)
            return nil
        }
        if first.label?.text == "object" {
            let tokens = first.expression.tokens(viewMode: .sourceAccurate).map(\.text).joined()
            return PatternSource(
                expression: "Pattern(object: \(first.expression.trimmedDescription))", identity: "object:" + tokens)
        }
        guard let text = first.expression.as(StringLiteralExprSyntax.self)?.representedLiteralValue else {
            context.report(.literalPattern, at: first.expression)
            return nil
        }
        let isCommand = first.label?.text == "cmd"
        return PatternSource(
            expression: isCommand ? "Pattern(cmd: \(text.literal))" : "Pattern(\(text.literal))",
            identity: (isCommand ? "cmd:" : "text:") + text)
    }

    private static func commands(
        _ name: String, _ access: String, _ entries: [Entry], _ documentation: String?, forbidsUnknown: Bool
    ) -> DeclSyntax {
        let constants = entries.map { entry in
            """
            /// The command of ``\(name)/\(entry.name)``.
            \(access)static let \(entry.name) = Command(_contract: \(name.literal), \(entry.name.literal), \
            patterns: [\(entry.patterns.map(\.expression).joined(separator: ", "))], kind: .\(entry.kind), \
            idempotency: \(entry.idempotency), timeout: \(entry.options["timeout"] ?? "nil"), \
            group: \(entry.options["group"] ?? "nil"), errors: \(entry.options["errors"] ?? "nil"), \
            execution: \(entry.options["execution"] ?? ".eventLoop"), \
            \(forbidsUnknown ? "forbidsUnknown: true, " : "")\(resumption(entry))documentation: \(entry.documentation.literal), \
            request: { \(entry.message?.type ?? "_Empty")._schema }, \
            \(entry.clientStream.map { "clientStream: { (\($0.type)).Element._schema }, " } ?? "")reply: { \(replySchema(entry)) })
            """
        }
        let routes = entries.map { entry in
            let call = "try await service.\(entry.name)(\(entry.arguments))"
            let decoded = [
                entry.message.map { "let message = try payload.decode(\($0.type).self)" },
                entry.clientStream.map { "let values = try payload._clientStream((\($0.type)).Element.self)" },
            ]
            let message = decoded.compactMap(\.self).joined(separator: "\n")
            if entry.kind == "stream" {
                return "Route(\(entry.name), _stream: { payload in\n\(message)\nreturn \(call)\n})"
            }
            // Sends the reply to the sink directly: each closure in between would cost the message a change of
            // executors.
            let body = entry.reply == nil ? "\(call)\nsink.end()" : "sink.reply(\(call))"
            return "Route(\(entry.name), _body: { payload, sink in\n\(message)\n\(body)\n})"
        }
        return """
            /// The commands of ``\(raw: name)``, and the service that serves them.
            \(raw: access)enum \(raw: name)Contract {
            \(raw: constants.joined(separator: "\n\n"))

            /// Every command, in the order of declaration.
            \(raw: access)static let commands: [Command] = [\(raw: entries.map(\.name).joined(separator: ", "))]

            /// Describes the contract.
            \(raw: access)static let descriptor = ContractDescriptor(_name: \(raw: name.literal), \
            documentation: \(raw: documentation.literal), commands: commands)

            /// Makes a service that handles each command with `service`.
            \(raw: access)static func service(_ service: some \(raw: name)) -> RookeryService {
            RookeryService([
            \(raw: routes.joined(separator: ",\n"))
            ])
            }
            }
            """
    }

    /// The argument of a stream that can go on after a cursor; nothing for any other command.
    private static func resumption(_ entry: Entry) -> String {
        entry.options["resuming"].map { "resumption: \($0), " } ?? ""
    }

    /// An expression for the schema of the reply or of a stream's values; `nil` without a reply.
    private static func replySchema(_ entry: Entry) -> String {
        guard let reply = entry.reply else { return "nil" }
        return entry.kind == "stream" ? "(\(reply)).Element._schema" : "(\(reply))._schema"
    }

    private static func client(_ name: String, _ access: String, _ entries: [Entry]) -> DeclSyntax {
        let functions = entries.map { entry in
            let message = entry.message == nil ? "_Empty()" : "message"
            let values = entry.clientStream == nil ? "" : ", clientStream: values"
            let call = "try await client._\(entry.kind == "event" ? "emit" : entry.kind)"
            return """
                /// Calls ``\(name)/\(entry.name)`` at the service.
                \(access)func \(entry.name)(\(entry.parameters)) async throws\(entry.reply.map { " -> \($0)" } ?? "") {
                \(call)(\(name)Contract.\(entry.name), \(message)\(values))
                }
                """
        }
        return """
            /// Calls a service that serves ``\(raw: name)``.
            \(raw: access)struct \(raw: name)Client: \(raw: name) {
            private let client: RookeryClient

            /// Makes a client that calls through `client`.
            \(raw: access)init(_ client: RookeryClient) { self.client = client }

            /// Returns this client with other options for its calls: `with { $0.timeout = .seconds(1) }`.
            \(raw: access)func with(_ change: (inout CallOptions) -> Void) -> \(raw: name)Client {
            \(raw: name)Client(client.with(change))
            }

            \(raw: functions.joined(separator: "\n\n"))
            }
            """
    }

    private static func stub(_ name: String, _ access: String, _ entries: [Entry]) -> DeclSyntax {
        let members = entries.map { entry in
            let types = [entry.message?.type, entry.clientStream?.type].compactMap(\.self).joined(separator: ", ")
            let arguments = [entry.message.map { _ in "message" }, entry.clientStream.map { _ in "values" }]
            let reply = entry.reply.map { " -> \($0)" } ?? ""
            return """
                /// What ``\(entry.name)`` does. If nil, its calls fail.
                \(access)var \(entry.name)Handler: (@Sendable (\(types)) async throws -> \(entry.reply ?? "Void"))?

                /// Calls ``\(entry.name)Handler``. Throws ``_StubMethodNotSet`` if it is nil.
                \(access)func \(entry.name)(\(entry.parameters)) async throws\(reply) {
                guard let handler = self.\(entry.name)Handler else {
                throw _StubMethodNotSet(_method: \("\(name).\(entry.name)".literal))
                }
                return try await handler(\(arguments.compactMap(\.self).joined(separator: ", ")))
                }
                """
        }
        return """
            /// Replaces a service that serves ``\(raw: name)`` in a test. Calls of functions whose handler is not set
            /// fail.
            \(raw: access)struct \(raw: name)Stub: \(raw: name) {
            /// Makes a stub without handlers.
            \(raw: access)init() {}

            \(raw: members.joined(separator: "\n\n"))
            }
            """
    }
}
