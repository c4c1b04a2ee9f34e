import ArgumentParser
import CommandSupport
import Foundation
import PetProTesting
import Rookery

@main
struct PetProBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro-bench",
        abstract: "Measures the flows of PetPro over HTTP, beside bare peers.",
        discussion: """
            It starts platforms of its own, in folders of their own. Only the platform of the process table has demo \
            data. Where a table says so, the platform runs on one processor and the load on another. Otherwise both \
            share all processors.

            A closed load sends the next request of a connection when the last one is answered. An open load sends a \
            fixed number of requests per second, and counts a latency from the time a request was due.

            The platforms run with rates.mode=off, because few clients send what many people would.

            It prints the tables of docs/performance.md and asserts nothing.
            """)

    @Option(help: "How long each measurement lasts, in seconds.")
    var seconds = 5.0
    @Option(help: "Measure only tables whose name contains this. May be given several times.")
    var only: [String] = []
    @Option(help: "The petpro program. Default: the one in the folder of this program.")
    var petpro: String?
    @Option(help: "Also profile the loads of availability, bookings and lists with `perf`, into this folder.")
    var perf: String?
    @Option(
        help: "A PostgreSQL database of its own, such as postgres://user@host/name: the table store measures it too.")
    var database: String?
    @Option(help: "Another petpro program. Measures flow 2 with both at once, and nothing else without --only.")
    var beside: String?
    @Option(help: "Also write the tables between the marks in this file, such as docs/performance.md.")
    var write: String?
    @Flag(help: "Print the figures as JSON, one line per load.")
    var json = false

    private var parts: [Measurement] {
        Measurement.allCases.filter { part in
            if part == .versions { return beside != nil }
            return only.isEmpty ? beside == nil : only.contains { part.rawValue.contains($0) }
        }
    }

    func validate() throws {
        if !(0.1...60).contains(seconds) { throw ValidationError("--seconds must be 0.1 to 60") }
        if parts.isEmpty {
            throw ValidationError(
                "--only must match one of: " + Measurement.allCases.map(\.rawValue).joined(separator: ", "))
        }
    }

    func run() async throws {
        DescriptorLimit.raise()
        let bench = Bench(
            program: try PetProProgram.url(petpro), seconds: seconds, cores: Cores.two(),
            other: try beside.map { try PetProProgram.url($0) }, profiles: perf,
            postgres: database, isJSON: json)
        if bench.cores == nil { Terminal.note("no second processor: load and platform share the processor time") }
        var tables: [Table] = []
        for part in parts {
            Terminal.note(part.rawValue)
            let table = try await bench.measure(part)
            tables.append(table)
            if !json { Terminal.line(table.text + "\n") }
        }
        if let write { try Self.write(tables, to: write) }
    }

    /// Replaces the text between the marks in a file.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the file does not have the marks.
    private static func write(_ tables: [Table], to path: String) throws {
        let (begin, end) = ("<!-- flows: begin -->", "<!-- flows: end -->")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let from = text.range(of: begin), let to = text.range(of: end), from.upperBound <= to.lowerBound else {
            throw CommandFailure("\(path) does not have the marks \(begin) and \(end)")
        }
        let new = tables.map(\.text).joined(separator: "\n\n")
        try "\(text[..<from.upperBound])\n\n\(new)\n\n\(text[to.lowerBound...])".write(
            toFile: path, atomically: true, encoding: .utf8)
    }

    static func main() async { await Program.run(Self.self, name: "petpro-bench") }
}
