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
            It starts a platform of its own, with two instances of each service, in a folder of its own. \
            Every few seconds it kills one of the eight with SIGKILL and starts it again, freezes one with SIGSTOP for \
            three seconds, or restarts one gracefully.

            At the end it reads the database. Every acknowledged booking must be there, under the key of its request. \
            No key and no request may have two bookings. If two requests book one pet at one time, the platform must \
            refuse one. Any other refusal counts as a failure. A graceful restart must lose no call.

            Some bookings are cancelled, and an administrator suspends vendors and makes them active again while they are \
            booked and add products. Within 30 s after the load, what services know only by events must agree with the \
            services that sent them: Vendor's agenda, the flags of bookings, and the status of products.

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
    @Option(help: ArgumentHelp("Choose instances and faults by this number. Default: they take turns.", valueName: "n"))
    var seed: UInt64?
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
        let check: ProjectionCheck
        let statusChanges: Int
        let databases = Databases(data: data, url: database)
        do {
            load = try await Load.prepare(fleet.url, bookings: seconds * rate)
            let statuses = try await StatusChanges.prepare(fleet.url, admin: Fleet.admin)
            let begin = ContinuousClock.now
            async let changes = statuses.run(seconds: seconds, since: begin)
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
                        try await fleet.injectFaults(seconds: seconds, every: every, seed: seed, since: begin) {
                            Terminal.note($0)
                        }
                    }
                }
            }
            statusChanges = try await changes
            check = try await ProjectionCheck.settled(databases, within: .seconds(30))
        } catch {
            fleet.kill()
            throw error
        }
        let graceful = await fleet.stop()
        let verdict = try await Verdict(
            load.results, fleet.faults, check, statusChanges: statusChanges, databases, data: data,
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
