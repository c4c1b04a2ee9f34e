import ArgumentParser
import CommandSupport
import Foundation
import PetProTesting
import Rookery

@main
struct PetProAttack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "petpro-attack",
        abstract: "Attacks a platform as strangers and customers could, and measures well-behaved ones meanwhile.",
        discussion: """
            It starts a platform of its own, in a folder of its own. With two processors the platform runs on one, and \
            attackers and customers share the other. Each client has an address of 127.0.0.0/8, because the gateway \
            limits the rate of each. Attackers open new accounts when theirs are over their limit. Some connect to the services' own \
            ports with a service key, as if they had taken over the gateway. While each attack runs, \
            customers look, book, read and cancel.

            None of the customers' requests may fail. The bound of their p99 latency is --p99, or three times the p99 \
            without attackers if that is larger. In the attack with a service key the bound is three times as high. The \
            platform's memory must not exceed --memory. Attackers must get no 500. The platform must stop \
            within 30 s.

            Exit code 0: every bound held. 1: a bound did not hold; the table says which.
            """)

    @Option(help: "How long each attack lasts, in seconds.")
    var seconds = 10
    @Option(help: "Visits of the well-behaved customers per second, of five requests each.")
    var rate = 8
    @Option(help: "The limit of the customers' p99 latency, in milliseconds.")
    var p99 = 50.0
    @Option(help: "The limit of the platform's memory, in MiB.")
    var memory = 400
    @Option(help: "The cost of the platform's password hashes, as in `petpro up`.")
    var passwordCost = 17
    @Option(help: "Whether the gateway limits the rate of each account and address.")
    var rates = LoadRates.standard
    @Option(help: "Run only attacks whose name contains this. May be given several times.")
    var only: [String] = []
    @Option(help: "The petpro program. Default: the one in the folder of this program.")
    var petpro: String?
    @Flag(help: "Print the table as JSON.")
    var json = false

    private var attacks: [Attack] {
        Attack.all.filter { attack in only.isEmpty || only.contains { attack.name.contains($0) } }
    }

    func validate() throws {
        if seconds < 1 { throw ValidationError("--seconds must be at least 1") }
        // Each visit books a half hour of its own, and the vendor takes bookings at most 365 days ahead.
        if !(1...20).contains(rate) { throw ValidationError("--rate must be 1 to 20") }
        if seconds * (Attack.all.count + 1) > 500 {
            throw ValidationError(
                "--seconds must be at most \(500 / (Attack.all.count + 1)): a token expires after 10 min")
        }
        if attacks.isEmpty {
            throw ValidationError(
                "--only must match one of: " + Attack.all.map(\.name).joined(separator: "; "))
        }
    }

    func run() async throws {
        let program = try PetProProgram.url(petpro)
        DescriptorLimit.raise()
        let cores = Cores.two()
        try await cores?.keepLoad()
        if cores == nil { Terminal.note("no second processor: attackers and platform share the processor time") }
        let victim = try await PlatformProcess.start(
            program, purpose: "attack", rates: rates, core: cores?.platform, passwordCost: passwordCost)
        Terminal.note("platform \(victim.http.url), rates.mode=\(rates.rawValue), its log \(victim.log)")
        var report = Report(.init(p99: p99, memory: memory))
        do {
            try await attack(victim, &report)
        } catch {
            victim.kill()
            throw error
        }
        let (took, code) = await victim.stop()
        report.stopped(in: took, code: code)
        Terminal.line(json ? report.json.jsonText : report.text)
        guard report.isGood else {
            Terminal.note("the log stays in \(victim.log)")
            throw ExitCode(1)
        }
        victim.remove()
    }

    private func attack(_ victim: PlatformProcess, _ report: inout Report) async throws {
        let visitor = try await Visitor.prepare(victim.http, perSecond: rate)
        // Warms up first, because the first requests cost more than later ones.
        _ = await visitor.come(for: .seconds(1), perSecond: rate)
        report.undisturbed(
            await visitor.come(for: .seconds(seconds), perSecond: rate), memory: victim.peakMemory)
        for attack in attacks {
            Terminal.note(attack.name)
            victim.resetPeak()
            let tally = Tally()
            let visits = try await withThrowingTaskGroup(of: Visitor.Visits?.self) { group in
                group.addTask {
                    try await attack.run(victim, tally)
                    return nil
                }
                group.addTask { await visitor.come(for: .seconds(seconds), perSecond: rate) }
                // The attack ends when the visits end, or with its own failure.
                while let visits = try await group.next() {
                    guard let visits else { continue }
                    group.cancelAll()
                    return visits
                }
                throw HTTP.Unexpected("the customers made no visit")
            }
            report.disturbed(attack, visits, memory: victim.peakMemory, tally)
        }
    }

    static func main() async { await Program.run(Self.self, name: "petpro-attack") }
}
