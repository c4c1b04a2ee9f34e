import ArgumentParser
import Foundation

/// The program that `./dev symbols` runs.
@main
struct PublicSymbols: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the public symbols that `import Rookery` makes visible, and their number.")

    @Option(help: "The folder of a debug build.", completion: .directory)
    var build = ".build"

    func run() async throws {
        let symbols = try await PublicSymbol.all(build: URL(filePath: build))
        for symbol in symbols { print(symbol) }
        print("\(symbols.count) symbols, \(symbols.count { !$0.isDocumented }) without a doc comment")
    }
}
