import SwiftSyntax
import SwiftSyntaxMacros

/// An attribute that only marks its declaration, for `@Message` or `@Contract` to read.
struct MarkerMacro: PeerMacro {
    /// Adds nothing.
    static func expansion(
        of node: AttributeSyntax,
        providingPeersOf declaration: some DeclSyntaxProtocol,
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] {
        []
    }
}
