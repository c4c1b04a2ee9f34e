import Foundation
import NIOHTTP1
import PetProTesting
import Rookery

extension Attack {
    /// Sends every body with all fields as large as allowed, and then with one field over its limit.
    ///
    /// Requests to protected operations carry the token of a role that may use them.
    static let fatTexts = Attack("fat texts in every field", atLeast: 200) { victim, tally in
        let description = try await victim.http.get("/openapi.json").body
        let operations = Operation.all(of: description)
        await crowd(4) { attacker in
            var accounts = AttackerAccounts(victim.http, attacker)
            for operation in operations {
                for body in operation.bodies(unique: UUID().uuidString) {
                    if Task.isCancelled { return }
                    let path = operation.path.replacing(/\{[a-z]+\}/, with: "\([1, 9001, 2][attacker % 3])")
                    let (http, token) = try await accounts.next(of: operation.roles)
                    let answer = try await http.send(operation.method, path, body, token: token)
                    tally.count("\(answer.status)")
                    if answer.status == 429 { accounts.drop(token) }
                }
            }
        }
    }
}

/// An operation of the platform's OpenAPI document that takes a body.
private struct Operation: Sendable {
    let method: HTTPMethod
    let path: String
    let roles: [String]
    let schema: JSONValue

    static func all(of description: JSONValue) -> [Operation] {
        guard case .object(let paths)? = description["paths"] else { return [] }
        return paths.flatMap { path, item -> [Operation] in
            guard case .object(let operations) = item else { return [] }
            return operations.compactMap { method, operation in
                guard let schema = InlinedSchema.body(of: operation, in: description) else { return nil }
                return Operation(
                    method: HTTPMethod(rawValue: method.uppercased()), path: path,
                    roles: operation["x-roles"]?.arrayValue?.compactMap(\.stringValue) ?? [], schema: schema)
            }
        }
    }

    /// Returns a body with all fields as large as allowed, then one body for each way to exceed a field's limit.
    func bodies(unique: String) -> [JSONValue] {
        [BodySample.largest(schema, unique: unique)] + BodySample.excesses(schema, unique: unique).map(\.body)
    }
}
