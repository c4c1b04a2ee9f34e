import CommandSupport
import NIOHTTP1
public import Rookery

/// Holds the answers of a platform against its OpenAPI document.
public struct AnswerCheck: Sendable {
    private let paths: [(segments: [Substring], operations: JSONValue)]
    private let schemas: SchemaCheck

    /// Makes a check of an OpenAPI document.
    public init(document: JSONValue) {
        guard case .object(let paths)? = document["paths"],
            case .object(let schemas)? = document["components"]?["schemas"]
        else {
            self.paths = []
            self.schemas = SchemaCheck(definitions: [:], allowsUnknown: true)
            return
        }
        self.paths = paths.map { ($0.0.split(separator: "/"), $0.1) }
        self.schemas = SchemaCheck(definitions: schemas, allowsUnknown: true)
    }

    /// Returns what the document does not allow of an answer. Nothing for a path or method that it does not have.
    func problems(of answer: Answer, _ method: HTTPMethod, _ path: String) -> [String] {
        let segments = path.prefix { $0 != "?" }.split(separator: "/")
        let operations = paths.first { known in
            known.segments.count == segments.count
                && zip(known.segments, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }?.operations
        guard let operation = operations?[method.rawValue.lowercased()] else { return [] }
        guard let response = operation["responses"]?["\(answer.status)"] else {
            return ["the document has no answer \(answer.status) with the code \(answer.code ?? "none")"]
        }
        guard case .object(let content)? = response["content"] else {
            return answer.body == .null ? [] : ["the document has no body for \(answer.status)"]
        }
        let type = (answer.headers.first(name: "Content-Type") ?? "").prefix { $0 != ";" }
        guard let schema = content[String(type)]?["schema"] else {
            return ["the document has no \(type) for \(answer.status)"]
        }
        return type.hasSuffix("json") ? schemas.problems(of: answer.body, schema) : []
    }
}
