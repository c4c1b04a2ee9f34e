import CommandSupport
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
        return keys.filter { !known.contains($0) }.map { ($0, Spelling.nearest($0, in: known)) }
    }

    /// The same for variables of the environment.
    func unknown(variables: [String]) -> [(key: String, like: String?)] {
        let known = state.withLock { $0.variables }
        return variables.filter { !known.contains($0) }.map { ($0, Spelling.nearest($0, in: known)) }
    }
}
