import Foundation
import PetProContracts
import Rookery
import SequenceDiagrams

/// What the console's pages read, as JSON.
enum ConsoleJSON {
    /// The participants of the seed's diagrams, from the left.
    static let order = [
        SequenceDiagram.client, ObservedTrace.gateway, "BookingService", "VendorService", "AuthService",
        "ProductService",
    ]

    /// The most calls and participants of a request that is drawn as text and in Mermaid: 500 and 30.
    private static let (mostDrawn, mostParticipants) = (500, 30)

    /// A request in a list, with at most `calls` of its calls.
    static func summary(_ entry: TraceBoard.Entry, calls: Int = 200) -> JSONValue {
        let trace = entry.trace
        return [
            "id": .string(trace.id), "operation": .string(trace.operation), "path": .string(trace.path),
            "status": trace.status.map { .int(Int64($0)) } ?? .null,
            "at": .string(Instant(milliseconds: Int64(trace.start / 1_000_000)).description),
            "ms": milliseconds(trace.duration),
            "verdict": entry.isIncomplete
                ? ["text": "spans of other processes are missing", "right": false, "incomplete": true]
                : verdict(entry.verdict),
            "calls": .array(trace.calls.prefix(calls).map(call)), "foreign": .bool(entry.isForeign),
            "failed": .bool(trace.isFailure), "entry": .string(trace.entry),
        ]
    }

    /// What was counted of an operation: percentiles in milliseconds, of the last minute or two.
    static func operation(_ name: String, _ numbers: OperationCounts.Numbers) -> JSONValue {
        func time(_ share: Double) -> JSONValue {
            numbers.time(of: share).map { milliseconds(Int64($0 / .nanoseconds(1))) } ?? .null
        }
        let statuses = numbers.statuses.sorted { $0.key < $1.key }
        return [
            "operation": .string(name), "requests": .int(Int64(numbers.requests)),
            "recent": .int(Int64(numbers.recent)),
            "p50": time(0.5), "p95": time(0.95), "p99": time(0.99), "refused": .int(Int64(numbers.refused)),
            "failed": .int(Int64(numbers.failed)),
            "statuses": .object(
                statuses.reduce(into: JSONObject()) { $0["\($1.key)"] = .int(Int64($1.value)) }),
        ]
    }

    /// A process whose spans are collected.
    static func instance(_ seen: SpanCollector.Seen) -> JSONValue {
        [
            "service": .string(seen.service.rawValue), "instance": .string(seen.instance.description),
            "problem": seen.problem.map { .string($0) } ?? .null,
        ]
    }

    /// A request with its diagram. `origin` is all that the trace has above it too. Another program may have told of that, so what is said
    /// of the request itself is not taken from there.
    static func detail(_ entry: TraceBoard.Entry, origin: ObservedTrace) -> JSONValue {
        guard case .object(var object) = summary(entry) else { return .null }
        let diagram = origin.diagram(order: order, title: origin.operation)
        object["calls"] = .array(origin.calls.map(call))
        object["origin"] = [
            "operation": .string(origin.operation), "status": origin.status.map { .int(Int64($0)) } ?? .null,
            "ms": milliseconds(origin.duration), "failed": .bool(origin.isFailure), "entry": .string(origin.entry),
            "asked": .bool(origin.isAsked),
        ]
        object["participants"] = .array(diagram.participants.map { .string($0) })
        let isDrawn = origin.calls.count <= mostDrawn && diagram.participants.count <= mostParticipants
        object["mermaid"] = isDrawn ? .string(diagram.mermaid) : .null
        object["text"] = isDrawn ? .string(TextDiagram(diagram).lines.joined(separator: "\n")) : .null
        return .object(object)
    }

    private static func call(_ call: ObservedTrace.Call) -> JSONValue {
        var object: JSONObject = [
            "from": .string(call.arrow.from), "to": .string(call.arrow.to), "name": .string(call.arrow.name),
            "start": milliseconds(call.start), "end": milliseconds(call.end),
            "code": call.code.map { .string($0) } ?? .null, "failed": .bool(call.isFailure),
            "left": call.left.map { .int(Int64($0)) } ?? .null, "event": .bool(call.isEvent),
            "attempts": .array(
                call.attempts.map { attempt in
                    [
                        "number": .int(Int64(attempt.number)), "instance": .string(attempt.instance),
                        "start": milliseconds(attempt.start), "end": milliseconds(attempt.end),
                        "failure": attempt.failure.map { .string($0) } ?? .null,
                    ]
                }),
        ]
        let service = ServiceName.allCases.first { $0.participant == call.arrow.to }
        let command = service.flatMap { PlatformCommands.command(call.arrow.name, of: $0) }
        object["command"] = command.map { .string($0.wireName) }
        guard let message = call.message else { return .object(object) }
        object["message"] = .string(message)
        object["reply"] = call.reply.map { .string($0) }
        guard let command else { return .object(object) }
        var frames: [JSONValue] = [.string(PlatformCommands.frame(command, message: message))]
        // The values of a stream are not kept.
        let isRequest = command.kind == .request && !command.hasClientStream
        if call.code == nil, isRequest { frames.append(.string(PlatformCommands.frame(reply: call.reply))) }
        object["frames"] = .array(frames)
        object["isRequest"] = .bool(isRequest)
        return .object(object)
    }

    /// Milliseconds with three decimals.
    private static func milliseconds(_ nanoseconds: Int64) -> JSONValue {
        .double((Double(nanoseconds) / 1000).rounded() / 1000)
    }

    private static func verdict(_ verdict: FlowVerdict) -> JSONValue {
        var object: JSONObject = ["text": .string(verdict.description), "right": .bool(verdict.isRight)]
        switch verdict {
        case .follows(let flow, let branches):
            object["flow"] = .string(flow)
            object["branches"] = .array(branches.map { .string($0) })
        case .differs(let flow, let position, let expected, let actual):
            object["flow"] = .string(flow)
            object["position"] = .int(Int64(position))
            object["expected"] = expected.map { .string($0) } ?? .null
            object["actual"] = actual.map { .string($0) } ?? .null
        case .unknown: break
        }
        return .object(object)
    }
}
