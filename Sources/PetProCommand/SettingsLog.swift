import CommandSupport
import Configuration
import Synchronization

/// Records which settings exist and where their values came from, by observing every lookup.
final class SettingsLog: AccessReporter {
    private struct State {
        /// Every key that a lookup used.
        var keys: Set<String> = []
        /// The names of these keys in the environment.
        var variables: Set<String> = []
        /// For each key with a value, the provider of the value.
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

    /// Returns the first of `keys` that has a value, and where the value came from. Returns nil if none has a value.
    func origin(_ keys: [String]) -> (key: String, origin: String)? {
        state.withLock { state in
            for key in keys { if let origin = state.origins[key] { return (key, origin) } }
            return nil
        }
    }

    /// Returns the keys that are not settings, each with the most similar setting.
    func unknown(_ keys: [String]) -> [(key: String, like: String?)] {
        let known = state.withLock { $0.keys }
        return keys.filter { !known.contains($0) }.map { ($0, Spelling.nearest($0, in: known)) }
    }

    /// Returns the environment variables that are not settings, each with the most similar one.
    func unknown(variables: [String]) -> [(key: String, like: String?)] {
        let known = state.withLock { $0.variables }
        return variables.filter { !known.contains($0) }.map { ($0, Spelling.nearest($0, in: known)) }
    }
}
