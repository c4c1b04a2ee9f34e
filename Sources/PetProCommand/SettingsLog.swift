import Configuration
import Synchronization

/// Which settings there are, and where each one that is set came from: learnt from what is looked up.
final class SettingsLog: AccessReporter {
    private struct State {
        /// Every key that was looked up.
        var keys: Set<String> = []
        /// What the environment calls them.
        var variables: Set<String> = []
        /// The provider that had a value.
        var origins: [String: String] = [:]
    }
    private let state = Mutex(State())

    func report(_ event: AccessEvent) {
        let key = event.metadata.key.components.joined(separator: ".")
        state.withLock { state in
            state.keys.insert(key)
            for provider in event.providerResults {
                guard case .success(let result) = provider.result else { continue }
                let isEnvironment = provider.providerName.hasPrefix("EnvironmentVariables")
                if isEnvironment { state.variables.insert(result.encodedKey) }
                guard result.value != nil, state.origins[key] == nil else { continue }
                state.origins[key] = isEnvironment ? "environment \(result.encodedKey)" : "file"
            }
        }
    }

    /// Where the value of a setting came from that is looked for under some keys; nil for its default.
    func origin(_ keys: [String]) -> (key: String, origin: String)? {
        state.withLock { state in
            for key in keys { if let origin = state.origins[key] { return (key, origin) } }
            return nil
        }
    }

    /// The settings that are none, of the ones that are set, each with the one that it is most like.
    func unknown(_ keys: [String]) -> [(key: String, like: String?)] {
        let known = state.withLock { $0.keys }
        return keys.filter { !known.contains($0) }.map { ($0, Self.nearest($0, known)) }
    }

    /// The same for variables of the environment.
    func unknown(variables: [String]) -> [(key: String, like: String?)] {
        let known = state.withLock { $0.variables }
        return variables.filter { !known.contains($0) }.map { ($0, Self.nearest($0, known)) }
    }

    private static func nearest(_ name: String, _ known: Set<String>) -> String? {
        let best = known.map { (name: $0, distance: distance(name, $0)) }.min {
            ($0.distance, $0.name) < ($1.distance, $1.name)
        }
        guard let best, best.distance <= max(3, name.utf8.count / 3) else { return nil }
        return best.name
    }

    /// How many characters must be put in, taken out or replaced (Levenshtein).
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (at, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = at + 1
            for column in right.indices {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
