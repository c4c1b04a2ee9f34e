import ArgumentParser
import CommandSupport
import Foundation
import PetProTesting
import Rookery

@main
struct PetProBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro-bench",
        abstract: "Measures the flows of PetPro over HTTP, beside peers of the same shape.",
        discussion: """
            It starts platforms of its own, without demo data, in folders of their own. Where a table says so the platform has \
            one processor and the load another; otherwise both share all. Closed loads send the next request of a connection \
            when the last one is answered; open loads send so many a second, and count a latency from when a request was due. \
            It prints tables as docs/performance.md has them; it asserts nothing.
            """)

    @Option(help: "How long each measurement lasts, in seconds.")
    var seconds = 5.0
    @Option(help: "Measure only tables whose name contains this; may be given several times.")
    var only: [String] = []
    @Option(help: "The petpro program. Default: the one beside this.")
    var petpro: String?
    @Option(help: "Add a profile by symbol of each closed load, by `perf record`, in this folder.")
    var perf: String?
    @Option(help: "Write the tables between the marks of this file, as well: docs/performance.md has them.")
    var write: String?
    @Flag(help: "Print the figures as JSON, a line for each load.")
    var json = false

    private var parts: [Measurement] {
        Measurement.allCases.filter { part in only.isEmpty || only.contains { part.rawValue.contains($0) } }
    }

    func validate() throws {
        if !(0.1...60).contains(seconds) { throw ValidationError("--seconds must be 0.1 to 60") }
        if parts.isEmpty {
            throw ValidationError(
                "--only fits none of: " + Measurement.allCases.map(\.rawValue).joined(separator: ", "))
        }
    }

    func run() async throws {
        DescriptorLimit.raise()
        let bench = Bench(
            program: try PetProProgram.url(petpro), seconds: seconds, cores: Cores.two(), profiles: perf,
            isJSON: json)
        if bench.cores == nil { Terminal.note("no second processor to be had: the load takes the platform's time too") }
        var tables: [Table] = []
        for part in parts {
            Terminal.note(part.rawValue)
            let table = try await bench.measure(part)
            tables.append(table)
            if !json { Terminal.line(table.text + "\n") }
        }
        if let write { try Self.write(tables, to: write) }
    }

    /// Replaces what stands between the marks of a file.
    private static func write(_ tables: [Table], to path: String) throws {
        let (begin, end) = ("<!-- flows: begin -->", "<!-- flows: end -->")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let from = text.range(of: begin), let to = text.range(of: end), from.upperBound <= to.lowerBound else {
            throw CommandFailure("\(path) has no \(begin) and \(end) to write between")
        }
        let new = tables.map(\.text).joined(separator: "\n\n")
        try "\(text[..<from.upperBound])\n\n\(new)\n\n\(text[to.lowerBound...])".write(
            toFile: path, atomically: true, encoding: .utf8)
    }

    static func main() async { await Program.run(Self.self, name: "petpro-bench") }
}
