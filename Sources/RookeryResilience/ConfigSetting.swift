package import Configuration

/// A setting that cannot be read, or cannot work.
public struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// The setting, as in configuration: `retry.maximumAttempts`.
    public let key: String
    /// What it must be.
    public let requirement: String

    /// Names key and requirement.
    public init(_ key: String, _ requirement: String) {
        self.key = key
        self.requirement = requirement
    }

    /// Names both.
    public var description: String { "\(key) must be \(requirement)" }
}

/// One setting of a configuration: what it is called, how it is written, and where it goes.
package struct ConfigSetting<Root> {
    private let key: String
    private let kind: ConfigValueKind
    private let apply: (inout Root, ConfigValueKind.Value, String) throws(InvalidSetting) -> Void
    private let show: (Root) -> String

    /// Reads it from the first of the scopes that has it; leaves it as it is when none has. All of them are looked at, so
    /// that a reader's reporter gets to know every key there is.
    package func read(
        _ reader: ConfigReader, _ scopes: [[String]], into root: inout Root
    ) async throws(InvalidSetting) {
        var found: (value: ConfigValueKind.Value, key: String)?
        for scope in scopes {
            let components = scope + key.split(separator: ".").map(String.init)
            guard let value = try await kind.read(reader, components), found == nil else { continue }
            found = (value, components.joined(separator: "."))
        }
        if let found { try apply(&root, found.value, found.key) }
    }

    /// Its value, and the keys under which it is looked for, the first one first.
    package func shown(_ root: Root, _ scopes: [[String]]) -> ShownSetting {
        ShownSetting(keys: scopes.map { ($0 + [key]).joined(separator: ".") }, value: show(root))
    }

    package static func integer(_ key: String, _ path: WritableKeyPath<Root, Int>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .integer) { (root, value, _) throws(InvalidSetting) in
            if case .integer(let value) = value { root[keyPath: path] = value }
        } show: {
            String($0[keyPath: path])
        }
    }

    package static func real(_ key: String, _ path: WritableKeyPath<Root, Double>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .real) { (root, value, _) throws(InvalidSetting) in
            if case .real(let value) = value { root[keyPath: path] = value }
        } show: {
            String($0[keyPath: path])
        }
    }

    package static func duration(_ key: String, _ path: WritableKeyPath<Root, Duration>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .duration) { (root, value, _) throws(InvalidSetting) in
            if case .duration(let value) = value { root[keyPath: path] = value }
        } show: {
            $0[keyPath: path].text
        }
    }

    package static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ path: WritableKeyPath<Root, Choice>
    ) -> ConfigSetting {
        ConfigSetting(key: key, kind: .text) { (root, value, name) throws(InvalidSetting) in
            guard case .text(let text) = value else { return }
            guard let choice = Choice(rawValue: text) else {
                let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
                throw InvalidSetting(name, "one of \(all), not \(text)")
            }
            root[keyPath: path] = choice
        } show: {
            $0[keyPath: path].rawValue
        }
    }
}

/// A setting as it is in force.
package struct ShownSetting: Sendable, Hashable {
    /// The keys under which it is looked for: its own first, then those that are for several.
    package let keys: [String]
    /// As it would be written.
    package let value: String

    /// Names both.
    package init(keys: [String], value: String) {
        self.keys = keys
        self.value = value
    }
}

/// How a setting is written.
package enum ConfigValueKind {
    case integer, real, text, duration

    package enum Value {
        case integer(Int)
        case real(Double)
        case text(String)
        case duration(Duration)
    }

    /// Reads a value; nil when there is none.
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

    private var requirement: String {
        switch self {
        case .integer: "a whole number"
        case .real: "a number"
        case .text: "a text"
        case .duration: "a duration such as 250ms, 5s or 2m"
        }
    }
}

extension Duration {
    /// As a setting is written: `250ms`, `5s`, `2m`.
    package var text: String {
        let milliseconds = Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
        func number(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }
        if milliseconds >= 60_000, milliseconds.truncatingRemainder(dividingBy: 60_000) == 0 {
            return number(milliseconds / 60_000) + "m"
        }
        if milliseconds >= 1000 || milliseconds == 0 { return number(milliseconds / 1000) + "s" }
        return number(milliseconds) + "ms"
    }

    /// Reads a number with `ms`, `s` or `m`; nil when it is none.
    public init?(text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0, number < 1e7 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        default: return nil
        }
    }
}
