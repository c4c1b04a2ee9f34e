package import Configuration
package import RookeryPolicies

/// One setting of a configuration: its key, the format of its value, and the property that it sets.
package struct ConfigSetting<Root> {
    private let key: String
    private let kind: ConfigValueKind
    private let apply: (inout Root, ConfigValueKind.Value, String) throws(InvalidSetting) -> Void
    private let show: (Root) -> String

    /// Reads the setting from the first of the scopes that has it. Without a value in any scope, nothing changes.
    ///
    /// Reads all scopes in any case, so that the reader's access reporter sees every key. Throws ``InvalidSetting`` if
    /// a value cannot be parsed.
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

    /// Sets the setting with this key. Throws if there is none, or if the text is not a value of it.
    package static func set(
        _ key: String, to text: String, in root: inout Root, of settings: [ConfigSetting]
    ) throws(InvalidSetting) {
        guard let setting = settings.first(where: { $0.key == key }) else {
            throw InvalidSetting(key, "one of \(settings.map(\.key).sorted().joined(separator: ", "))")
        }
        try setting.apply(&root, try setting.kind.parse(text, key), key)
    }

    /// The setting's current value, and its keys in the order of the scopes.
    package func shown(_ root: Root, _ scopes: [[String]]) -> ShownSetting {
        ShownSetting(keys: scopes.map { ($0 + [key]).joined(separator: ".") }, value: show(root))
    }

    /// Makes a setting with a whole number as its value.
    package static func integer(_ key: String, _ path: WritableKeyPath<Root, Int>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .integer) { (root, value, _) throws(InvalidSetting) in
            if case .integer(let value) = value { root[keyPath: path] = value }
        } show: {
            String($0[keyPath: path])
        }
    }

    /// Makes a setting with the values `true` and `false`.
    package static func boolean(_ key: String, _ path: WritableKeyPath<Root, Bool>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .text) { (root, value, name) throws(InvalidSetting) in
            guard case .text(let text) = value else { return }
            guard let isTrue = Bool(text) else { throw InvalidSetting(name, "true or false, not \(text)") }
            root[keyPath: path] = isTrue
        } show: {
            String($0[keyPath: path])
        }
    }

    /// Makes a setting with a number as its value.
    package static func real(_ key: String, _ path: WritableKeyPath<Root, Double>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .real) { (root, value, _) throws(InvalidSetting) in
            if case .real(let value) = value { root[keyPath: path] = value }
        } show: {
            String($0[keyPath: path])
        }
    }

    /// Makes a setting with a duration as its value: `250ms`, `5s`, `2m`.
    package static func duration(_ key: String, _ path: WritableKeyPath<Root, Duration>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .duration) { (root, value, _) throws(InvalidSetting) in
            if case .duration(let value) = value { root[keyPath: path] = value }
        } show: {
            $0[keyPath: path].text
        }
    }

    /// Makes a setting with any text as its value.
    package static func text(_ key: String, _ path: WritableKeyPath<Root, String>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .text) { (root, value, _) throws(InvalidSetting) in
            if case .text(let text) = value { root[keyPath: path] = text }
        } show: {
            $0[keyPath: path]
        }
    }

    /// Makes a setting with the path of a file as its value. An empty text is no path.
    package static func path(_ key: String, _ path: WritableKeyPath<Root, String?>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .text) { (root, value, _) throws(InvalidSetting) in
            if case .text(let text) = value { root[keyPath: path] = text.isEmpty ? nil : text }
        } show: {
            $0[keyPath: path] ?? ""
        }
    }

    /// Makes a setting with one of the raw values of an enum as its value.
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
