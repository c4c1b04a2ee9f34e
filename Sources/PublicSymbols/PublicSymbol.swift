import Foundation
import RookeryTesting

/// One public symbol that `import Rookery` makes visible.
///
/// Excludes symbols whose name or label begins with an underscore, because only macro-generated code uses them.
struct PublicSymbol: Comparable, CustomStringConvertible {
    /// The compiler's name for the kind of symbol, such as `Structure` or `Instance Method`.
    let kind: String
    let path: String
    let isDocumented: Bool

    var description: String { "\(path)\t\(kind)\(isDocumented ? "" : "\tno doc comment")" }

    static func < (one: Self, other: Self) -> Bool { (one.path, one.kind) < (other.path, other.kind) }

    /// Extracts the symbol graph of the debug build in `folder`, and returns all public symbols, sorted by path.
    ///
    /// Throws ``CannotRead`` if the folder has no debug build, or if `swift-symbolgraph-extract` fails.
    static func all(build folder: URL) async throws -> [PublicSymbol] {
        let output = FileManager.default.temporaryDirectory.appending(path: "symbols-\(UUID())")
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: output) }
        let modules = ["RookeryCore", "RookeryWire", "RookeryPolicies", "RookeryCalls", "RookeryTCP"]
        // macOS finds the tools of Xcode by xcrun.
        #if canImport(Darwin)
        let launcher = ["xcrun"]
        #else
        let launcher: [String] = []
        #endif
        let arguments =
            launcher + [
                "swift-symbolgraph-extract", "-module-name", "Rookery", "-output-dir", output.path,
                "-minimum-access-level", "public", "-skip-synthesized-members",
                "-experimental-allowed-reexported-modules=" + modules.joined(separator: ","),
            ] + (try searchPaths(folder))
        let program = try await RunningProgram(URL(filePath: "/usr/bin/env"), arguments)
        guard await program.exitCode() == 0 else {
            throw CannotRead("swift-symbolgraph-extract failed: \(program.printed)")
        }
        var symbols: [PublicSymbol] = []
        for file in try FileManager.default.contentsOfDirectory(at: output, includingPropertiesForKeys: nil) {
            symbols += try read(Data(contentsOf: file))
        }
        return symbols.sorted()
    }

    /// Reads the symbols in one symbol graph file.
    static func read(_ graph: Data) throws -> [PublicSymbol] {
        try JSONDecoder().decode(Graph.self, from: graph).symbols.compactMap { symbol in
            if symbol.pathComponents.contains(where: isHidden) { return nil }
            return PublicSymbol(
                kind: symbol.kind.displayName, path: symbol.pathComponents.joined(separator: "."),
                isDocumented: symbol.docComment?.lines.contains { !$0.text.allSatisfy(\.isWhitespace) } ?? false)
        }
    }

    private static func isHidden(_ name: String) -> Bool {
        // `_:` is an argument without a label.
        name.hasPrefix("_") || name.contains(/[(:]_\w+:/)
    }

    /// Returns the module search paths and the target of the `Rookery` build, from the build plan `debug.yaml`.
    private static func searchPaths(_ folder: URL) throws -> [String] {
        let plan = folder.appending(path: "debug.yaml")
        guard let text = try? String(contentsOf: plan, encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.contains(#""-module-name","Rookery","#) }),
            let start = line.firstIndex(of: "["),
            let all = try? JSONDecoder().decode([String].self, from: Data(line[start...].utf8))
        else { throw CannotRead("\(plan.path) has no build of Rookery: run swift build first") }
        return zip(all, all.dropFirst()).flatMap { flag, value in
            ["-Xcc", "-I", "-F", "-sdk", "-target"].contains(flag) ? [flag, value] : []
        }
    }

    private struct Graph: Decodable {
        struct Symbol: Decodable {
            struct Kind: Decodable { let displayName: String }
            struct Comment: Decodable {
                struct Line: Decodable { let text: String }
                let lines: [Line]
            }
            let kind: Kind
            let pathComponents: [String]
            let docComment: Comment?
        }
        let symbols: [Symbol]
    }
}
