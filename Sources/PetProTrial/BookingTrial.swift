import ArgumentParser
import CommandSupport
import Foundation
import PetProTesting
import Rookery

struct BookingTrial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bookings",
        abstract:
            "Books under load while it kills, freezes and restarts instances, and reports whether anything was lost.",
        discussion: """
            It starts a platform of its own, with two instances each of Booking and Vendor, in a folder of its own. \
            Every few seconds it kills one of the four with SIGKILL and starts it again, freezes one with SIGSTOP for \
            three seconds, or restarts one gracefully.

            At the end it reads the database. Every acknowledged booking must be there, under the key of its request. \
            No key and no request may have two bookings. If two requests book one pet at one time, the platform must \
            refuse one. Any other refusal counts as a failure. A graceful restart must lose no call. Some bookings are \
            cancelled. Vendor's agenda, which only events reach, must agree with every booking within 30 s after the load.

            The bookings come from many customers, each at an address of 127.1.0.0/16, because the gateway limits the rate \
            of each. Where loopback has only one address, --rates off is the default.

            With --bounce, latencies and the share of success leave out requests during the restart of the database server and \
            in the second after it. What they booked must be there all the same.

            Exit code 0: nothing was lost or doubled, and enough calls succeeded. 1: any other verdict.
            """)

    @Option(help: "How long to book, in seconds.")
    var seconds = 60
    @Option(help: "Bookings per second.")
    var rate = 300
    @Option(help: "Seconds from one fault to the next.")
    var every = 5
    @Option(
        help: """
            In place of faults, give every service a new key and a new certificate this many times while it runs. The \
            services then use TLS, and no call may fail.
            """)
    var rotations = 0
    @Option(help: "The share of calls that must succeed, 0 to 1. Expected refusals count as successes.")
    var success = 0.999
    @Option(help: "Whether the gateway limits the rate of each customer and address.")
    var rates = LoadRates.standard
    @Option(
        help: ArgumentHelp(
            "Keep the data in this PostgreSQL database, which must be empty. Default: SQLite files.", valueName: "url"))
    var database: String?
    @Option(
        help: ArgumentHelp(
            "A command of the shell that kills and starts the database server, run once in the middle.",
            valueName: "command"))
    var bounce: String?
    @Option(help: "The petpro program. Default: the one in the folder of this program.")
    var petpro: String?
    @Flag(help: "Print the verdict as JSON.")
    var json = false

    func validate() throws {
        for (name, value) in [("seconds", seconds), ("rate", rate), ("every", every)] where value < 1 {
            throw ValidationError("--\(name) must be at least 1")
        }
        if seconds > 500 { throw ValidationError("--seconds must be at most 500: a token expires after 10 min") }
        if !(0...100).contains(rotations) { throw ValidationError("--rotations must be 0 to 100") }
        if rotations > 0, seconds < 4 * rotations + 4 {
            throw ValidationError("--seconds must be at least \(4 * rotations + 4) with --rotations \(rotations)")
        }
        if rotations == 0, Fleet.count(seconds: seconds, every: every) < 1 {
            throw ValidationError("--seconds must leave time for a fault: at least \(every + 4) with --every \(every)")
        }
        if !(0...1).contains(success) { throw ValidationError("--success must be 0 to 1") }
    }

    func run() async throws {
        let program = try PetProProgram.url(petpro)
        let data = NSTemporaryDirectory() + "petpro-trial-" + UUID().uuidString
        let fleet = try await Fleet.start(
            program, data: data, database: database, isEncrypted: rotations > 0, rates: rates)
        Terminal.note("platform \(fleet.url), rates.mode=\(rates.rawValue), data \(data)")
        let load: Load
        let agenda: AgendaCheck
        do {
            load = try await Load.prepare(fleet.url, bookings: seconds * rate)
            let begin = ContinuousClock.now
            try await withThrowingDiscardingTaskGroup { group in
                if let bounce {
                    group.addTask { try await fleet.bounce(bounce, at: .seconds(seconds) / 2, since: begin) }
                }
                group.addTask { try await load.run(seconds: seconds, rate: rate, since: begin) { Terminal.note($0) } }
                group.addTask {
                    if rotations > 0 {
                        try await fleet.rotate(seconds: seconds, rotations: rotations, since: begin) {
                            Terminal.note($0)
                        }
                    } else {
                        try await fleet.injectFaults(seconds: seconds, every: every, since: begin) { Terminal.note($0) }
                    }
                }
            }
            agenda = try await AgendaCheck.settled(
                AgendaCheck.Places(data: data, database: database), within: .seconds(30))
        } catch {
            fleet.kill()
            throw error
        }
        let graceful = await fleet.stop()
        let verdict = try await Verdict(
            load.results, fleet.faults, agenda, data: data, database: database,
            mustSucceed: rotations > 0 ? 1 : success, stoppedWell: graceful)
        Terminal.line(json ? verdict.json.jsonText : verdict.text)
        if verdict.isGood {
            try FileManager.default.removeItem(atPath: data)
        } else {
            Terminal.note("the data stays in \(data)")
            throw ExitCode(1)
        }
    }
}
