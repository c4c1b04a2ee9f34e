import ArgumentParser
import CommandSupport
import Foundation
import NIOCore
import PetProTesting
import Rookery

@main
struct PetProBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro-bench",
        abstract: "Measures the flows of PetPro over HTTP, beside peers of the same shape.",
        subcommands: [Hold.self], defaultSubcommand: Hold.self)

    static func main() async { await Program.run(Self.self, name: "petpro-bench") }
}

/// One load on something that runs.
struct Hold: AsyncParsableCommand {
    @Option var port: Int
    @Option var flow = 2
    @Option var connections = 64
    @Option var rate: Int?
    @Option var seconds = 3.0
    @Option var bookings = 20_000
    @Option var path: String?
    @Option var warmUp = 0.5

    func run() async throws {
        let flows = flow == 2 ? nil : try await Flows.prepare(HTTP(url: "http://127.0.0.1:\(port)"), bookings: bookings)
        let load = HTTPLoad(
            port: port,
            shape: rate.map { .open(rate: $0, connections: connections) } ?? .closed(connections: connections),
            seconds: seconds,
            request: { number in
                path.map { RequestBytes.get($0) }
                    ?? (flow == 2 ? Flows.availability(number) : flows?.booking() ?? .init())
            },
            isWanted: { $0 < 500 })
        let result = try await load.run()
        Terminal.line(JSONValue.object(result.json).jsonText)
    }
}
