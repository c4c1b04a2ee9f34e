import ArgumentParser
import CommandSupport
import Foundation
import Rookery

/// Where `rookery list` and `rookery describe` read a description: from a running service, or from a file.
enum DescriptionSource: ExpressibleByArgument, CustomStringConvertible {
    case address(Instance)
    /// A file with the JSON of a description. `-` is standard input.
    case file(String)

    init?(argument: String) {
        if !argument.contains("/"), let address = Instance(argument) {
            self = .address(address)
        } else if argument.isEmpty {
            return nil
        } else {
            self = .file(argument)
        }
    }

    var description: String {
        switch self {
        case .address(let address): address.description
        case .file("-"): "standard input"
        case .file(let path): path
        }
    }

    /// Reads the description.
    ///
    /// Throws ``CommandSupport/CommandFailure`` when the file cannot be read, is no description, or has an unknown
    /// version, and when the service does not describe itself. Throws ``RookeryCore/CallError`` when the call fails.
    func read(timeout: Duration, _ keys: KeyOptions) async throws -> RemoteDescription {
        switch self {
        case .address(let address): return try await Describe.ask(address, timeout, keys)
        case .file(let path):
            let data: Data
            do {
                data =
                    path == "-"
                    ? try FileHandle.standardInput.readToEnd() ?? Data() : try Data(contentsOf: URL(filePath: path))
            } catch {
                throw CommandFailure(
                    "\(path) is no HOST:PORT, and no file that can be read: \(error.localizedDescription)")
            }
            guard let json = try? JSONValue(parsing: String(decoding: data, as: UTF8.self)) else {
                throw CommandFailure("\(self) is not JSON. `rookery describe HOST:PORT --json` writes such a file.")
            }
            return try RemoteDescription(json, from: description)
        }
    }
}
