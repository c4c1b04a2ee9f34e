import CommandSupport
import Rookery

/// A call of a request, as ``Tap`` prints it.
struct TappedCall {
    let trace: String
    /// When the request began.
    let at: String
    let from: String
    let to: String
    let name: String
    /// The code of a refusal or a failure. Nil for success.
    let code: String?
    let isFailure: Bool
    let milliseconds: Double

    /// The calls of a request as the console tells them.
    static func calls(of request: JSONValue) -> [TappedCall] {
        (request["calls"]?.arrayValue ?? []).map { call in
            func text(_ name: String) -> String { call[name]?.stringValue ?? "" }
            func number(_ name: String) -> Double {
                switch call[name] {
                case .double(let value)?: value
                case .int(let value)?: Double(value)
                default: 0
                }
            }
            return TappedCall(
                trace: request["id"]?.stringValue ?? "", at: request["at"]?.stringValue ?? "", from: text("from"),
                to: text("to"), name: text("name"), code: call["code"]?.stringValue,
                isFailure: call["failed"] == true, milliseconds: number("end") - number("start"))
        }
    }

    var text: String {
        // The time of day in UTC.
        let time = at.dropFirst(11).prefix(12)
        let result = code.map { isFailure ? "✕ \($0)" : "↩ \($0)" } ?? "ok"
        let took = String((milliseconds * 10).rounded() / 10) + " ms"
        return "\(time)  \(from) → \(to).\(name)  \(isFailure ? Terminal.strong(result) : result)  \(took)  \(trace)"
    }

    var json: JSONValue {
        var members: JSONObject = [:]
        members["trace"] = .string(trace)
        members["at"] = .string(at)
        members["from"] = .string(from)
        members["to"] = .string(to)
        members["name"] = .string(name)
        if let code { members["code"] = .string(code) }
        members["failed"] = .bool(isFailure)
        members["ms"] = .double(milliseconds)
        return .object(members)
    }
}
