import ArgumentParser
import AsyncHTTPClient
import CommandSupport
import Foundation
import NIOCore
import PetProContracts
import Rookery

struct Tap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the calls of each request when it ends.",
        discussion: """
            The gateway must run with --console or --demo. One line for each call, between gateway and services and between services. A refusal that the contract declares has ↩ before its \
            code, and a failure ✕. Filters that are given together must all match. Ctrl-C ends it.

              petpro tap                                     # everything
              petpro tap --service booking --errors          # refusals and failures of Booking
              petpro tap --command create-booking --slower 50
              petpro tap --json | jq .ms

            From another machine, put an operator's access token into PETPRO_TOKEN.
            """)

    @Option(help: "Only calls to this service: auth, booking, vendor or product.")
    var service: ServiceName?
    @Option(help: "Only commands whose name contains this.")
    var command: String?
    @Flag(help: "Only calls that were refused or failed.")
    var errors = false
    @Option(help: ArgumentHelp("Only calls that took longer, in milliseconds.", valueName: "ms"))
    var slower: Double?
    @Option(help: "End after this many lines.")
    var count: Int?
    @Option(help: "The gateway's URL.")
    var url = "http://127.0.0.1:8080"
    @Flag(help: "Print each call as a JSON object.")
    var json = false

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be at least 1") }
        if let slower, slower < 0 { throw ValidationError("--slower must be 0 or more") }
    }

    func run() async throws {
        var left = count ?? .max
        try await TraceClient(url: url).follow("/console/api/live") { request in
            for call in TappedCall.calls(of: request) where matches(call) {
                Terminal.line(json ? call.json.jsonText : call.text)
                left -= 1
                if left == 0 { return false }
            }
            return true
        }
    }

    private func matches(_ call: TappedCall) -> Bool {
        if let service, call.to.lowercased() != service.rawValue + "service" { return false }
        if let command, !Self.plain(call.name).contains(Self.plain(command)) { return false }
        if errors, call.code == nil { return false }
        if let slower, call.milliseconds <= slower { return false }
        return true
    }

    /// Lets `create-booking` find `createBooking`.
    private static func plain(_ name: String) -> String { name.lowercased().replacing("-", with: "") }
}
