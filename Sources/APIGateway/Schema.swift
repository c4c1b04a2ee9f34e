import PetProContracts
import Rookery

/// A body whose schema is written beside it.
protocol DescribedMessage: Message {
    static var schema: Schema { get }
}

/// A JSON schema, as OpenAPI 3.1 takes it. Lengths of strings count Unicode code points, as the messages' rules do.
struct Schema: Sendable {
    let json: JSONValue

    static func string(_ length: ClosedRange<Int>? = nil, format: String? = nil, pattern: String? = nil) -> Schema {
        var object: JSONObject = ["type": "string"]
        object["minLength"] = length.map { .int(Int64($0.lowerBound)) }
        object["maxLength"] = length.map { .int(Int64($0.upperBound)) }
        object["format"] = format.map { .string($0) }
        object["pattern"] = pattern.map { .string($0) }
        return Schema(json: .object(object))
    }

    static func integer(_ range: ClosedRange<Int>? = nil, multipleOf divisor: Int? = nil) -> Schema {
        var object: JSONObject = ["type": "integer"]
        object["minimum"] = range.map { .int(Int64($0.lowerBound)) }
        object["maximum"] = range.map { .int(Int64($0.upperBound)) }
        object["multipleOf"] = divisor.map { .int(Int64($0)) }
        return Schema(json: .object(object))
    }

    static let boolean = Schema(json: ["type": "boolean"])

    static func oneOf<Value: CaseIterable & RawRepresentable<String>>(_: Value.Type) -> Schema {
        Schema(json: ["type": "string", "enum": .array(Value.allCases.map { .string($0.rawValue) })])
    }

    static func array(_ element: Schema, _ count: ClosedRange<Int>, distinct: Bool = false) -> Schema {
        var object: JSONObject = [
            "type": "array", "items": element.json, "minItems": .int(Int64(count.lowerBound)),
            "maxItems": .int(Int64(count.upperBound)),
        ]
        if distinct { object["uniqueItems"] = true }
        return Schema(json: .object(object))
    }

    /// An object; members whose name ends in `?` are optional.
    static func object(_ members: KeyValuePairs<String, Schema>) -> Schema {
        var properties = JSONObject()
        var required: [JSONValue] = []
        for (name, schema) in members {
            if name.hasSuffix("?") {
                properties[String(name.dropLast())] = schema.json
            } else {
                properties[name] = schema.json
                required.append(.string(name))
            }
        }
        return Schema(json: ["type": "object", "properties": .object(properties), "required": .array(required)])
    }

    static let id = integer(ID.range)
    static let email = string(1...254, format: "email")
    static let instant = string(format: "date-time")
    static let date = string(format: "date")
    /// A name of the IANA database.
    static let timeZone = string(1...64, format: "time-zone")
    static let price = object(["amountMinor": integer(Price.range), "currency": oneOf(Currency.self)])
}
