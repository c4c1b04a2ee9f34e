public import RookeryWire

/// Something that a service needs to work: its database, another service.
public struct HealthCheck: Sendable {
    /// What it is called in the answer.
    public let name: String
    /// Whether the service is of no use without it. What it can do some of its work without only degrades it.
    public let isRequired: Bool
    /// Finds out; throws when it is not there. The text of ``Failed`` is told to whoever asks, that of other errors is not.
    public let check: @Sendable () async throws -> Void

    /// Names a need.
    public init(_ name: String, isRequired: Bool = true, _ check: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.isRequired = isRequired
        self.check = check
    }

    /// A need is not met.
    public struct Failed: Error, CustomStringConvertible {
        /// In words, fit for whoever runs the service.
        public let description: String

        /// Says why.
        public init(_ description: String) { self.description = description }
    }
}

/// What every server answers about itself: alive, because it answers; ready, when what it needs is there.
public struct Health: Sendable {
    /// The pattern at which it is asked.
    public static let pattern: Pattern = "$rookery.health"
    /// How much it matters, so that an overloaded service still answers that it is there.
    static let command = Command("health", pattern: pattern, idempotency: .safe)

    /// What a service is good for now.
    public enum Status: String, Sendable, Hashable {
        /// All it needs is there.
        case ready
        /// Something it can do without, for some of its work, is not there.
        case degraded
        /// Something it needs is not there, or it is stopping.
        case notReady = "not_ready"
    }

    private let service: String
    private let instance: String
    private let checks: [HealthCheck]
    private let isStopping: @Sendable () -> Bool

    /// The health of a service; `instance` tells this run of it from others.
    public init(
        service: String, instance: String, checks: [HealthCheck], isStopping: @escaping @Sendable () -> Bool
    ) {
        self.service = service
        self.instance = instance
        self.checks = checks
        self.isStopping = isStopping
    }

    /// Looks at everything, at once.
    ///
    /// The answer is `{service, instance, status, checks: {name: {status: "up" | "down", error?}}}`.
    public func report() async -> JSONValue {
        var failures: [String: String] = [:]
        await withTaskGroup(of: (String, String)?.self) { group in
            for check in checks {
                group.addTask {
                    do {
                        try await check.check()
                        return nil
                    } catch let error as HealthCheck.Failed {
                        return (check.name, error.description)
                    } catch {
                        // Its text may tell more than a peer should know.
                        return (check.name, "failed")
                    }
                }
            }
            for await failure in group { if let failure { failures[failure.0] = failure.1 } }
        }
        var object = JSONObject()
        for check in checks {
            guard let failure = failures[check.name] else {
                object[check.name] = ["status": "up"]
                continue
            }
            object[check.name] = ["status": "down", "error": .string(failure)]
        }
        let isUseless = isStopping() || checks.contains { $0.isRequired && failures[$0.name] != nil }
        let status: Status = isUseless ? .notReady : failures.isEmpty ? .ready : .degraded
        return [
            "service": .string(service), "instance": .string(instance), "status": .string(status.rawValue),
            "checks": .object(object),
        ]
    }

    /// Answers the pattern.
    package var route: Route {
        Route(Self.command) { _, sink in sink.reply(await report()) }
    }
}
