import ArgumentParser
import CommandSupport
import Logging
import Rookery

struct AskHealth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Prints the health of a Rookery service, and the result of each of its checks.",
        discussion: """
            Exit code 0: ready, or degraded (the service can do some of its work). 1: not ready, or no Rookery \
            service. 3: unreachable. 4: no answer in time.

            The command asks all instances one after the other, and exits with the highest code.

              rookery health 127.0.0.1:4002
            """)

    @Argument(help: "The service's address: HOST:PORT, several with commas, file:PATH or dns:HOST:PORT.")
    var address: InstanceSource
    @Option(help: "How long to wait for an answer.")
    var timeout: Duration = .seconds(2)
    @OptionGroup var keys: KeyOptions
    @Flag(help: "Print the answers as JSON, one per line.")
    var json = false

    func run() async throws {
        var code: Int32 = 0
        for instance in try await address.instances() {
            let client = try keys.client(instance)
            do {
                let report = try await client.with { $0.timeout = timeout }.send(Health.pattern, .null)
                let status = report?["status"]?.stringValue.flatMap(Health.Status.init)
                if status != .ready, status != .degraded { code = max(code, Failure.remote) }
                show(report ?? .null, of: instance)
            } catch let error as RemoteError {
                code = max(code, Failure.remote)
                let text = error.message ?? "\(error)"
                Terminal.line(
                    json
                        ? JSONValue.object(["address": .string(instance.description), "error": .string(text)]).jsonText
                        : "\(instance)  \(text)")
                if let hint = KeyOptions.hint(error) { Terminal.note(hint) }
            } catch let error as CallError {
                let isPlain = error.code == .noHandler
                let text =
                    isPlain ? "answers, but does not report its health: it is not a Rookery service" : error.message
                if json {
                    Terminal.line(
                        JSONValue.object(["address": .string(instance.description), "error": .string(text)]).jsonText)
                } else {
                    Terminal.line("\(instance)  \(text)")
                }
                code = max(
                    code,
                    isPlain ? Failure.remote : error.code == .timeout ? Failure.timeout : Failure.unreachable)
            }
            await client.close()
        }
        if code != 0 { throw ExitCode(code) }
    }

    private func show(_ report: JSONValue, of instance: Instance) {
        if json { return Terminal.line(report.jsonText) }
        let (service, status) = (report["service"]?.stringValue ?? "?", report["status"]?.stringValue ?? "?")
        Terminal.line("\(instance)  \(service)  \(status)")
        guard case .object(let checks)? = report["checks"] else { return }
        for (name, check) in checks {
            let error = check["error"]?.stringValue.map { ": \($0)" } ?? ""
            Terminal.line("  \(padded(name, 12)) \(check["status"]?.stringValue ?? "?")\(error)")
        }
    }
}

extension InstanceSource {
    /// Returns the current instances: the list itself, the lines of the file, or the addresses from DNS.
    ///
    /// Throws ``RookeryCore/CallError`` with `cannotConnect` when DNS does not resolve the host.
    func instances() async throws -> [Instance] {
        switch self {
        case .list(let instances): return instances
        case .file: return try discovery(logger: Logger.silence).initial
        case .dns(let host, let port):
            do {
                return try await DNSDiscovery.system(host).map { Instance(host: $0, port: port) }
            } catch {
                throw CallError(.cannotConnect, "Cannot resolve \(host): \(error).")
            }
        }
    }
}
