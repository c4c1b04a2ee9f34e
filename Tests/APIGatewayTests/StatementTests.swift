import AuthService
import BookingService
import Foundation
import PetProAssembly
import PetProTesting
import ProductService
import Rookery
import SwiftParser
import SwiftSyntax
import Testing
import VendorService

@testable import PetProStorage

/// Reads the sources: a statement that no test happens to run is looked at as well.
@Suite("Every SQL statement")
struct StatementTests {
    /// A statement, and where it stands.
    private struct Statement {
        let text: String
        let file: String
    }

    /// Collects the statements of a file, with the constants of the file that are parts of them.
    private final class Reader: SyntaxVisitor {
        var constants: [String: String] = [:]
        var found: [StringLiteralExprSyntax] = []

        private static let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "]

        override func visit(_ node: StringLiteralExprSyntax) -> SyntaxVisitorContinueKind {
            let start = node.segments.first?.as(StringSegmentSyntax.self)?.content.text ?? ""
            if Self.verbs.contains(where: start.drop(while: \.isWhitespace).hasPrefix) {
                found.append(node)
            }
            return .visitChildren
        }

        override func visit(_ node: VariableDeclSyntax) -> SyntaxVisitorContinueKind {
            for binding in node.bindings {
                guard let literal = binding.initializer?.value.as(StringLiteralExprSyntax.self) else { continue }
                constants[binding.pattern.trimmedDescription] = literal.representedLiteralValue
            }
            return .visitChildren
        }

        /// The text, with what is filled in; nil when that is made at run time.
        func text(_ literal: StringLiteralExprSyntax) -> String? {
            var text = ""
            for segment in literal.segments {
                if let part = segment.as(StringSegmentSyntax.self) {
                    text += part.content.text
                } else if let part = segment.as(ExpressionSegmentSyntax.self) {
                    let name = part.expressions.trimmedDescription.replacing("Self.", with: "")
                    guard let value = constants[name] else { return nil }
                    text += value
                }
            }
            return text
        }
    }

    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    private static func statements(_ target: String) throws -> (statements: [Statement], madeAtRunTime: Int) {
        var statements: [Statement] = []
        var madeAtRunTime = 0
        let folder = sources.appending(path: target)
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        where (target == keys || !path.hasPrefix("Sealing/Keys/") && !path.hasPrefix("Engine/"))
            && path.hasSuffix(".swift")
            && !path.hasSuffix("Schema.swift") && !path.hasSuffix("Migration.swift")
        {
            let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            let reader = Reader(viewMode: .sourceAccurate)
            reader.walk(Parser.parse(source: text))
            for literal in reader.found {
                if let text = reader.text(literal) {
                    statements.append(Statement(text: text, file: "\(target)/\(path)"))
                } else {
                    madeAtRunTime += 1
                }
            }
        }
        return (statements, madeAtRunTime)
    }

    /// The services' schemas. Each also has what is common to all.
    private static let schemas: [(target: String, migrations: [Migration])] = [
        ("AuthService", AuthController.migrations), ("BookingService", BookingController.migrations),
        ("VendorService", VendorController.migrations), ("ProductService", ProductController.migrations),
        ("PetProStorage", [InactiveVendors.migration("vendors")]), (keys, [Migration("keys", KeyStore.migration)]),
    ]
    /// The key stores, which have a schema of their own.
    private static let keys = "PetProStorage/Sealing/Keys"

    @Test(
        "is one that PostgreSQL takes too",
        .enabled(if: Database.testServer != nil, "needs a server in TEST_POSTGRES"))
    func postgres() async throws {
        for (target, migrations) in Self.schemas where target != Self.keys {
            let database = try Database.temporary(migrations)
            for statement in try Self.statements(target).statements {
                let values = statement.text.filter { $0 == "?" }.map { _ in 1 }
                await #expect(throws: Never.self, "\(statement.file): \(statement.text)") {
                    _ = try await database.plan(statement.text, values)
                }
            }
        }
    }

    @Test("finds its rows by an index, and needs no sorting")
    func plans() async throws {
        var count = 0
        for (target, migrations) in Self.schemas {
            let database = try Database(inMemory: migrations)
            for statement in try Self.statements(target).statements {
                let values = statement.text.filter { $0 == "?" }.map { _ in 1 }
                let plan = try await database.plan(statement.text, values)
                count += 1
                // Whether there is a row at all is known after the first one.
                let isFirst = statement.text.hasSuffix("LIMIT 1") && !statement.text.contains("WHERE")
                // A store has few secrets, and few tables whose ids are counted.
                let isFew = ["FROM secrets", "FROM sqlite_sequence", "FROM dead_letters\nORDER"].contains(
                    where: statement.text.contains)
                // Of a row that goes in, SQLite lists a scan of the rows that could refer to it. It skips that scan unless a
                // foreign key is violated (`OP_FkIfZero`).
                let isRow = statement.text.hasPrefix("INSERT") && statement.text.contains("VALUES")
                #expect(
                    isFirst || isRow || isFew || !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
                    "\(statement.file): \(statement.text)\n\(plan)")
            }
        }
        #expect(count >= 80)
    }

    @Test("that finds what is too old needs no scan either")
    func retention() async throws {
        let modules: [any ServiceModule.Type] = [
            AuthModule.self, BookingModule.self, VendorModule.self, ProductModule.self,
        ]
        for module in modules {
            let database = try Database(inMemory: module.migrations)
            for rule in RetentionRule.common(of: module.name) + module.retention {
                // Two tables are small.
                let plan = try await database.plan(rule.selection, [1]).replacing(
                    /SCAN (subscriptions|blocked_aggregates)/, with: "")
                #expect(!plan.contains("SCAN"), "\(rule.name): \(plan)")
            }
        }
    }

    @Test(
        "has a text that is there beforehand, so that it is prepared once; lists that are asked for in several ways have one each"
    )
    func texts() throws {
        // The lists of Booking, Vendor and Product, whose plans their own tests look at, ``Database/isEmpty(_:)``, and how the
        // background work reads and writes a table.
        let made = try Self.schemas.map { try Self.statements($0.target).madeAtRunTime }
        #expect(made == [0, 1, 1, 1, 7, 0])
    }
}
