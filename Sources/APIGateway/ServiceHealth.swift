package import Rookery

/// What the gateway knows about a service: its own answer, and how calls to it fare.
public struct ServiceHealth: Sendable {
    /// Whether the service can be used, if not for everything.
    public let isUsable: Bool
    /// What is shown.
    let json: JSONValue

    /// A service that cannot be reached, and why.
    public static func down(_ reason: String) -> ServiceHealth {
        ServiceHealth(isUsable: false, json: ["status": "down", "error": .string(reason)])
    }

    /// A service that is known to be well.
    public static let up = ServiceHealth(isUsable: true, json: ["status": "ready"])

    private init(isUsable: Bool, json: JSONValue) {
        self.isUsable = isUsable
        self.json = json
    }

    /// Asks one of a service's instances.
    package init(asking client: RookeryClient) async {
        var object: JSONObject
        var isUsable = true
        do {
            let report = try await client.with { $0.timeout = .seconds(1) }.send(Health.pattern, .null)
            if case .object(let answer)? = report, let status = report?["status"]?.stringValue {
                object = answer
                isUsable = status != Health.Status.notReady.rawValue
            } else {
                object = ["status": "down", "error": "its answer makes no sense"]
                isUsable = false
            }
        } catch {
            object = ["status": "down", "error": .string("\(error)")]
            isUsable = false
        }
        let calls = client.destination?.status ?? DestinationStatus(groups: [], instances: [])
        object["groups"] = .array(
            calls.groups.map { group in
                [
                    "name": .string(group.name), "breaker": .string(group.breaker.rawValue),
                    "callsInFlight": .int(Int64(group.callsInFlight)),
                ]
            })
        object["instances"] = .array(
            calls.instances.map { instance in
                [
                    "address": .string(instance.instance.description), "breaker": .string(instance.breaker.rawValue),
                    "ejected": .bool(instance.isEjected), "reachable": .bool(instance.isReachable),
                    "inFlight": .int(Int64(instance.inFlight)),
                ]
            })
        self.init(isUsable: isUsable, json: .object(object))
    }
}

extension HealthCheck {
    /// That calls to a service can be expected to get through.
    package init(_ name: String, isRequired: Bool, _ client: RookeryClient) {
        self.init(name, isRequired: isRequired) {
            guard let destination = client.destination else { return }
            let status = destination.status
            if let group = status.refusingGroups.first {
                throw Failed("its circuit breaker for the group \(group.name) is \(group.breaker.rawValue)")
            }
            if status.isAvailable { return }
            // That was so at the last call; it may be back.
            do {
                try await destination.ping()
            } catch {
                throw Failed("no instance can be reached")
            }
        }
    }
}
