import ArgumentParser
import CommandSupport
import Rookery

@main
struct RookeryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rookery",
        abstract: "Talks to any service that speaks the NestJS TCP wire.",
        discussion: """
            Examples:
              rookery list 127.0.0.1:4002
              rookery describe 127.0.0.1:4002 get-booking
              rookery call 127.0.0.1:4002 get-booking '{"id":1}'
              rookery emit 127.0.0.1:4002 booking.created '{"id":1}'
              rookery watch 127.0.0.1:4004 '{"cmd":"watch-inventory-changes"}' '{}'
              rookery health 127.0.0.1:4002
              rookery bench 127.0.0.1:4010 '{"cmd":"get-booking"}' '{"id":1}' --duration 5s
              rookery proxy --listen 127.0.0.1:5002 --to 127.0.0.1:4002 --fault delay=100ms

            A PATTERN is a string, or a JSON object such as {"cmd":"get-booking"}. If the service describes itself, \
            describe, call and watch also take the name at "cmd" alone. DATA is any JSON.

            Exit codes: 0 done, 1 the service answered with an error, 2 wrong usage, 3 unreachable, 4 no reply in time.
            """,
        version: "0.1.0",
        subcommands: [
            List.self, Describe.self, CallCommand.self, Emit.self, Watch.self, Ping.self, AskHealth.self, Bench.self,
            Proxy.self, Conformance.self,
        ])

    static func main() async {
        await Program.run(Self.self, name: "rookery") { Failure.report($0) }
    }
}
