import RookeryMacroExpansion
import SwiftCompilerPlugin
import SwiftSyntax
import SwiftSyntaxMacros

@main
struct RookeryPlugin: CompilerPlugin {
    let providingMacros: [any Macro.Type] = [MarkerMacro.self, MessageMacro.self, ContractMacro.self]
}
