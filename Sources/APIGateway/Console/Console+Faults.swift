import Hummingbird
import NIOCore
import PetProContracts
import Rookery

// Faults, in demo mode: an instance misbehaves for a while, and one watches what the others do.
extension Console {
    /// Adds what the view reads and has done.
    func addFaults(to router: Hummingbird.Router<GatewayContext>, _ access: ConsoleAccess) {
        guard access.isDemo else { return }
        data(router, "faults", access) { _, _ in await state() }
        action(router, "faults", access, onlyLocal: true) { request, _ in
            let body = try await Self.body(request)
            guard let service = body["service"]?.stringValue.flatMap({ ServiceName(rawValue: $0) }),
                let address = body["instance"]?.stringValue,
                let kind = body["kind"]?.stringValue.flatMap({ SetFault.Kind(rawValue: $0) })
            else { throw Problem.badRequest("The body must have service, instance and kind.") }
            let fault = SetFault(
                kind: kind, seconds: Int(clamping: body["seconds"]?.intValue ?? 10),
                milliseconds: Int(clamping: body["milliseconds"]?.intValue ?? 300))
            guard let instance = collector.client(of: service, at: address) else {
                throw Problem(.notFound, "NOT_FOUND", "\(service.rawValue) has no instance at \(address).")
            }
            _ = try await instance.setFault(fault)
            faults.note(fault, of: "\(service.rawValue) \(address)")
            return await state()
        }
    }

    /// The instances with their faults, and what the gateway's calls decided about them.
    private func state() async -> JSONValue {
        let all = collector.instances
        let healths = await withTaskGroup(of: (ServiceName, ServiceHealth).self) { group in
            for service in Set(all.map(\.service)) { group.addTask { (service, await services.health(service)) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let instances = all.map { seen -> JSONValue in
            let fault = faults["\(seen.service.rawValue) \(seen.instance)"]
            let calls = healths[seen.service]?.json["instances"]?.arrayValue?
                .first { $0["address"]?.stringValue == seen.instance.description }
            return [
                "service": .string(seen.service.rawValue), "instance": .string(seen.instance.description),
                "fault": fault.map { .string($0.kind.rawValue) } ?? .null,
                "secondsLeft": fault.map { .int($0.left.components.seconds + 1) } ?? .null, "calls": calls ?? .null,
            ]
        }
        let groups = healths.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { service, health in
            (health.json["groups"]?.arrayValue ?? []).map { group -> JSONValue in
                ["service": .string(service.rawValue), "group": group]
            }
        }
        let now = NIODeadline.now()
        let history = healths.flatMap { service, health in health.history.map { (service, $0) } }
            .sorted { $0.1.at > $1.1.at }.prefix(50)
        return [
            "instances": .array(instances), "groups": .array(groups),
            "history": .array(
                history.map { service, item in
                    [
                        "service": .string(service.rawValue), "kind": .string(item.decision.kind),
                        "text": .string("\(item.decision)"),
                        "secondsAgo": .double((Double((now - item.at).nanoseconds) / 1e8).rounded() / 10),
                    ]
                }),
        ]
    }
}
