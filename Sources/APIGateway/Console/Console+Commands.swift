import Hummingbird
import NIOCore
import PetProContracts
import PetProRuntime
import Rookery
import Tracing

// The Explorer's commands: what the services take over TCP, and in demo mode one call of such a command.
extension Console {
    /// Adds what the view reads and has done.
    func addCommands(to router: Hummingbird.Router<GatewayContext>, _ access: ConsoleAccess) {
        data(router, "commands", access) { _, _ in PlatformCommands.json }
        // Services trust the gateway to name the caller. So only demo mode may send commands past the API's checks.
        guard access.isDemo else { return }
        action(router, "commands", access, onlyLocal: true) { request, _ in
            let body = try await Self.body(request)
            guard let service = body["service"]?.stringValue.flatMap({ ServiceName(rawValue: $0) }),
                let name = body["command"]?.stringValue, let message = body["message"]
            else { throw Problem.badRequest("The body must have service, command and message.") }
            guard let command = PlatformCommands.command(name, of: service) else {
                throw Problem(.notFound, "NOT_FOUND", "\(service.rawValue) has no command \(name).")
            }
            guard command.kind == .request, !command.hasClientStream else {
                throw Problem.badRequest(
                    "\(command.name) is no request with one reply. `rookery watch` follows a stream.")
            }
            access.audit.record(
                AuditEvent(
                    .changed, actor: "demo", operation: "console", object: "\(service.rawValue) \(command.name)"))
            return await call(command, of: service, message, key: body["key"]?.stringValue)
        }
    }

    /// Calls a service as the gateway does, and notes that as a request of its own.
    private func call(
        _ command: Command, of service: ServiceName, _ message: JSONValue, key: String?
    ) async -> JSONValue {
        let began = NIODeadline.now()
        var surroundings = ServiceContext.topLevel
        let (span, identity) = tracer.startRequest(method: "CALL", path: "", &surroundings) { _, _ in }
        var answer: JSONObject = [:]
        var status = 200
        do {
            let reply = try await ServiceContext.withValue(surroundings) {
                try await services.send(service, command, message, key)
            }
            answer["reply"] = reply ?? .null
        } catch {
            let problem = Problem(answering: error)
            status = Int(problem.status.code)
            answer["code"] = .string(problem.code)
            // The API hides the cause from customers; the console shows it.
            answer["error"] = (error as? RemoteError)?.payload ?? .string("\(error)")
        }
        answer["status"] = .int(Int64(status))
        span.end(.response(status: status, route: "\(service.rawValue) \(command.wireName)"))
        if let trace = identity {
            answer["trace"] = .string(trace.traceID)
            let took = NIODeadline.now() - began
            answer["ms"] = .double(Double(took.nanoseconds) / 1_000_000)
            board.ended(trace, isOwn: true, flow: nil, status: status, took: took)
        }
        return .object(answer)
    }
}
