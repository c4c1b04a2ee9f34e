import Foundation
import Testing

@testable import PublicSymbols

@Suite("What `import Rookery` shows to an author")
struct PublicSymbolTests {
    @Test("is at most 250 symbols, and each has a doc comment")
    func limit() async throws {
        // The build that these tests are part of: BUILD/TRIPLE/debug/NAME.xctest.
        let program = URL(filePath: try #require(CommandLine.arguments.first)).resolvingSymlinksInPath()
        let symbols = try await PublicSymbol.all(
            build: program.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent())
        #expect(symbols.filter { !$0.isDocumented }.map(\.description) == [])
        #expect(symbols.count <= 250)
        // Were they not those of all modules, the limit would mean nothing.
        #expect(symbols.contains { $0.path == "RookeryServer" } && symbols.contains { $0.path == "Schema" })
    }

    @Test("does not count what macros use, and tells what has no doc comment")
    func reading() throws {
        let graph = #"""
            {"symbols": [
                {"kind": {"displayName": "Structure"}, "pathComponents": ["Call"], "docComment": {"lines": [{"text": "A call."}]}},
                {"kind": {"displayName": "Method"}, "pathComponents": ["Call", "a(_:b:)"]},
                {"kind": {"displayName": "Method"}, "pathComponents": ["Call", "a(_b:)"]},
                {"kind": {"displayName": "Method"}, "pathComponents": ["Call", "a(b:_c:)"]},
                {"kind": {"displayName": "Structure"}, "pathComponents": ["_Call"]},
                {"kind": {"displayName": "Method"}, "pathComponents": ["_Call", "b()"]}]}
            """#
        let symbols = try PublicSymbol.read(Data(graph.utf8))
        #expect(symbols.map(\.path) == ["Call", "Call.a(_:b:)"])
        #expect(symbols.map(\.isDocumented) == [true, false])
    }
}
