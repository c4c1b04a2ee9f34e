import Foundation
import Logging
import PetProRuntime
import Rookery

/// Writes each log line as one JSON object to standard error: `time`, `level`, `label`, `source`, `message`, and the metadata.
///
/// The names of metadata that would collide with these members get an underscore.
struct JSONLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.info
    private let write: @Sendable (String) -> Void

    /// Makes a handler that writes with `write`, which gets whole lines. Default: to standard error.
    init(
        label: String, provider: Logger.MetadataProvider?,
        // A line that cannot be written, to a disk that is full, is lost. Nothing else is.
        write: @escaping @Sendable (String) -> Void = { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) }
    ) {
        self.label = label
        metadataProvider = provider
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        write(line(event, all, at: .current()))
    }

    /// The names of the members that every line has.
    private static let own: Set = ["time", "level", "label", "source", "message"]

    private func line(_ event: LogEvent, _ metadata: Logger.Metadata, at now: Instant) -> String {
        var members: JSONObject = [:]
        members["time"] = .string(now.description)
        members["level"] = .string(event.level.rawValue)
        members["label"] = .string(label)
        members["source"] = .string(event.source)
        members["message"] = .string(event.message.description)
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            members[Self.own.contains(name) ? name + "_" : name] = Self.json(value)
        }
        return JSONValue.object(members).jsonText + "\n"
    }

    private static func json(_ value: Logger.Metadata.Value) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string(value.description)
        case .array(let values): .array(values.map(json))
        case .dictionary(let values):
            .object(
                values.sorted { $0.key < $1.key }.reduce(into: JSONObject()) { $0[$1.key] = json($1.value) })
        }
    }
}
