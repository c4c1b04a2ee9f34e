package import Rookery
import RookeryCalls

/// The health of a service: its own report, and the state of the gateway's calls to it.
public struct ServiceHealth: Sendable {
    /// Whether the service can be used. True also for a degraded service.
    public let isUsable: Bool
    /// The JSON that `GET /ops/health` shows.
    let json: JSONValue
    /// What the gateway's calls to it decided about breakers and instances, the oldest first.
    let history: [DecisionHistory.Item]

    /// Returns the health of a service that cannot be reached, with the reason.
    public static func down(_ reason: String) -> ServiceHealth {
        ServiceHealth(isUsable: false, json: ["status": "down", "error": .string(reason)])
    }

    /// The health of a service that is ready.
    public static let up = ServiceHealth(isUsable: true, json: ["status": "ready"])

    private init(isUsable: Bool, json: JSONValue, history: [DecisionHistory.Item] = []) {
        self.isUsable = isUsable
        self.json = json
        self.history = history
    }

    /// Asks one instance of a service, with a timeout of 1 s. Adds the client's breakers and instances.
    package init(asking client: RookeryClient) async {
        var object: JSONObject
        var isUsable = true
        do {
            let report = try await client.with { $0.timeout = .seconds(1) }.send(Health.pattern, .null)
            if case .object(let answer)? = report, let status = report?["status"]?.stringValue {
                object = answer
                isUsable = status != Health.Status.notReady.rawValue
            } else {
                object = ["status": "down", "error": "its reply has no status"]
                isUsable = false
            }
        } catch {
            object = ["status": "down", "error": .string("\(error)")]
            isUsable = false
        }
        let calls = client.destination?.status ?? DestinationStatus(groups: [], instances: [])
        func seconds(_ time: Duration?) -> JSONValue {
            time.map { .double(($0 / .milliseconds(100)).rounded(.up) / 10) } ?? .null
        }
        if let destination = client.destination {
            object["connections"] = .int(Int64(await destination.connectionCount))
        }
        object["groups"] = .array(
            calls.groups.map { group in
                [
                    "name": .string(group.name), "breaker": .string(group.breaker.rawValue),
                    "callsInFlight": .int(Int64(group.callsInFlight)),
                    "secondsUntilProbe": seconds(group.timeUntilProbe),
                ]
            })
        object["instances"] = .array(
            calls.instances.map { instance in
                [
                    "address": .string(instance.instance.description), "breaker": .string(instance.breaker.rawValue),
                    "secondsUntilProbe": seconds(instance.timeUntilProbe),
                    "ejected": .bool(instance.isEjected), "ejectedForSeconds": seconds(instance.ejectedFor),
                    "reachable": .bool(instance.isReachable), "inFlight": .int(Int64(instance.inFlight)),
                ]
            })
        self.init(isUsable: isUsable, json: .object(object), history: client.destination?.history.all ?? [])
    }
}

extension HealthCheck {
    /// Makes a check that fails when a circuit breaker of `client` refuses calls, or when no instance can be reached.
    package init(_ name: String, isRequired: Bool, _ client: RookeryClient) {
        self.init(name, isRequired: isRequired) {
            guard let destination = client.destination else { return }
            let status = destination.status
            if let group = status.refusingGroups.first {
                throw Failed("its circuit breaker for the group \(group.name) is \(group.breaker.rawValue)")
            }
            if status.isAvailable { return }
            // No instance was reachable at the last attempt. A ping finds out whether one is now.
            do {
                try await destination.ping()
            } catch {
                throw Failed("no instance can be reached")
            }
        }
    }
}
