import ArgumentParser
import CommandSupport
import Foundation
import PetProTesting
import Rookery

@main
struct PetProTrial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro-trial",
        abstract:
            "Books under load while instances are killed, frozen and restarted, and says whether anything was lost.",
        discussion: """
            It starts a platform of its own, two instances of Booking and of Vendor among it, in a folder of its own. Every \
            few seconds one of the four is killed with SIGKILL and started again, stopped with SIGSTOP for three seconds, or \
            restarted gracefully. In the end it looks into the database: every booking that was acknowledged must be there, \
            under the key that it was asked for with, and no key or wish may have two. Of two wishes for one pet at one time \
            one must be refused; any other refusal counts as a failure. A graceful restart must lose no call at all.

            Exit code 0: nothing was lost or doubled, and enough calls succeeded. 1: the verdict is another one.
            """)

    @Option(help: "How long to book.")
    var seconds = 60
    @Option(help: "Bookings a second.")
    var rate = 300
    @Option(help: "Seconds from one fault to the next.")
    var every = 5
    @Option(help: "The share of the calls that must succeed, business errors aside.")
    var success = 0.999
    @Option(help: "The petpro program. Default: the one beside this.")
    var petpro: String?
    @Flag(help: "Print the verdict as JSON.")
    var json = false

    func validate() throws {
        for (name, value) in [("seconds", seconds), ("rate", rate), ("every", every)] where value < 1 {
            throw ValidationError("--\(name) must be at least 1")
        }
        if seconds > 500 { throw ValidationError("--seconds is at most 500: a token is good for ten minutes") }
        if Fleet.count(seconds: seconds, every: every) < 1 {
            throw ValidationError("--seconds must leave time for a fault: at least \(every + 4) with --every \(every)")
        }
        if !(0...1).contains(success) { throw ValidationError("--success must be 0 to 1") }
    }

    func run() async throws {
        let program = try PetProProgram.url(petpro)
        let data = NSTemporaryDirectory() + "petpro-trial-" + UUID().uuidString
        let fleet = try await Fleet.start(program, data: data)
        Terminal.note("platform \(fleet.url), data \(data)")
        let load: Load
        do {
            load = try await Load.prepare(fleet.url, bookings: seconds * rate)
            let begin = ContinuousClock.now
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await load.run(seconds: seconds, rate: rate, since: begin) { Terminal.note($0) } }
                group.addTask {
                    try await fleet.torment(seconds: seconds, every: every, since: begin) { Terminal.note($0) }
                }
            }
        } catch {
            fleet.kill()
            throw error
        }
        let graceful = await fleet.stop()
        let verdict = try await Verdict(
            load.results, fleet.torments, data: data, mustSucceed: success, stoppedWell: graceful)
        Terminal.line(json ? verdict.json.jsonText : verdict.text)
        if verdict.isGood {
            try FileManager.default.removeItem(atPath: data)
        } else {
            Terminal.note("the data and the logs stay in \(data)")
            throw ExitCode(1)
        }
    }

    static func main() async { await Program.run(Self.self, name: "petpro-trial") }
}
