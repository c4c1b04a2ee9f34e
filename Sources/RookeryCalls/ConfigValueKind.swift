package import Configuration
package import RookeryPolicies

/// The format of a setting's value.
package enum ConfigValueKind {
    case integer, real, text, duration

    package enum Value {
        case integer(Int)
        case real(Double)
        case text(String)
        case duration(Duration)
    }

    /// Reads a value. Nil if the setting is not configured. Throws ``InvalidSetting`` if the value cannot be parsed.
    package func read(_ reader: ConfigReader, _ components: [String]) async throws(InvalidSetting) -> Value? {
        let key = ConfigKey(components)
        let name = components.joined(separator: ".")
        let text: String?
        do {
            switch self {
            case .integer: return try await reader.fetchInt(forKey: key).map { .integer($0) }
            case .real: return try await reader.fetchDouble(forKey: key).map { .real($0) }
            case .text, .duration: text = try await reader.fetchString(forKey: key)
            }
        } catch {
            throw InvalidSetting(name, "\(requirement): \(error)")
        }
        guard let text else { return nil }
        if case .text = self { return .text(text) }
        guard let duration = Duration(text: text) else { throw InvalidSetting(name, "\(requirement), not \(text)") }
        return .duration(duration)
    }

    /// Parses the text of a value. Throws ``InvalidSetting`` with `name` as its key if the text cannot be parsed.
    func parse(_ text: String, _ name: String) throws(InvalidSetting) -> Value {
        let value: Value? =
            switch self {
            case .integer: Int(text).map { .integer($0) }
            case .real: Double(text).map { .real($0) }
            case .text: .text(text)
            case .duration: Duration(text: text).map { .duration($0) }
            }
        guard let value else { throw InvalidSetting(name, "\(requirement), not \(text)") }
        return value
    }

    private var requirement: String {
        switch self {
        case .integer: "a whole number"
        case .real: "a number"
        case .text: "a text"
        case .duration: "a duration such as 250ms, 5s or 2m"
        }
    }
}
