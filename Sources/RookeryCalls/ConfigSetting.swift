package import Configuration
package import RookeryPolicies

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

    /// Sets the one of that key. Throws when there is none, or when the text is no value of it.
    package static func set(
        _ key: String, to text: String, in root: inout Root, of settings: [ConfigSetting]
    ) throws(InvalidSetting) {
        guard let setting = settings.first(where: { $0.key == key }) else {
            throw InvalidSetting(key, "one of \(settings.map(\.key).sorted().joined(separator: ", "))")
        }
        try setting.apply(&root, try setting.kind.parse(text, key), key)
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

    /// `true` or `false`.
    package static func boolean(_ key: String, _ path: WritableKeyPath<Root, Bool>) -> ConfigSetting {
        ConfigSetting(key: key, kind: .text) { (root, value, name) throws(InvalidSetting) in
            guard case .text(let text) = value else { return }
            guard let isTrue = Bool(text) else { throw InvalidSetting(name, "true or false, not \(text)") }
            root[keyPath: path] = isTrue
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
