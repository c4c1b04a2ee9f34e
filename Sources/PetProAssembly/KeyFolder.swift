import Foundation
import PetProRuntime
import PetProStorage
import Rookery
package import RookeryCore

/// The folder with the service keys of a platform: `keyring.json`, which every server reads, and `<holder>.key`, the
/// secret of each holder. A host needs the keyring and the keys of its own services.
package struct KeyFolder: Sendable {
    /// The folder, or a file in it, cannot be used.
    package struct Unusable: Error, CustomStringConvertible {
        /// Names the file and what is wrong.
        package let description: String
    }

    package let path: String

    package init(_ path: String) { self.path = path }

    package var keyring: String { path + "/keyring.json" }

    /// The file of the keys with which services encrypt personal data for each other.
    package var fieldKeys: String { path + "/fields.json" }

    /// The file of a holder's key.
    package func key(of holder: String) -> String { "\(path)/\(holder).key" }

    /// Makes the folder with a key for each holder, unless it exists, and returns whether it was made. Corrects the modes of
    /// an existing folder.
    ///
    /// Processes may do so at once: then one of them makes the folder, and the others find it. Throws ``Unusable``.
    package func makeIfAbsent(environment: String, at now: Instant) throws -> Bool {
        if FileManager.default.fileExists(atPath: keyring) {
            try protect()
            return false
        }
        if FileManager.default.fileExists(atPath: path) {
            throw Unusable(description: "\(path) has no keyring.json: copy it from the host that made the keys")
        }
        // Is renamed when it is complete, so that no process sees a part of it.
        let new = KeyFolder("\(path).\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: new.path) }
        do {
            try PrivateFiles.prepare(folder: new.path)
            var keyring = Keyring()
            for holder in KeyHolder.allCases {
                let key = try ServiceKey(environment: environment)
                _ = keyring.add(
                    KeyRecord(key, of: holder.rawValue, scopes: holder.scopes, createdAt: now, notAfter: nil))
                try new.write(key, of: holder.rawValue)
            }
            try PrivateFiles.write(FieldKeys.random().fileContent, to: new.fieldKeys)
            try new.write(keyring)
            try FileManager.default.moveItem(atPath: new.path, toPath: path)
            return true
        } catch {
            if FileManager.default.fileExists(atPath: keyring) { return false }
            throw Unusable(description: "cannot make the keys in \(path): \(error)")
        }
    }

    /// Makes the folder with an empty keyring, unless it has one. Throws ``Unusable``.
    package func beginIfAbsent() throws {
        do {
            try PrivateFiles.prepare(folder: path)
            _ = try PrivateFiles.writeIfAbsent(Data((Keyring().jsonValue.jsonText + "\n").utf8), to: keyring)
        } catch {
            throw Unusable(description: "cannot begin a keyring in \(path): \(error)")
        }
    }

    /// Takes other users' permissions away from the folder and its files. Throws ``Unusable``.
    private func protect() throws {
        do {
            try PrivateFiles.prepare(folder: path)
            for file in try FileManager.default.contentsOfDirectory(atPath: path)
            where file.hasSuffix(".key") || file.hasSuffix(".json") || file.hasSuffix(".lock") {
                try PrivateFiles.prepare(file: "\(path)/\(file)")
            }
        } catch {
            throw Unusable(description: "\(error)")
        }
    }

    /// Reads the keyring. Throws ``Unusable``.
    package func read() throws -> Keyring {
        do {
            return try Keyring(JSONValue(parsing: try Data(contentsOf: URL(filePath: keyring))))
        } catch {
            throw Unusable(description: "cannot read the keyring \(keyring): \(error)")
        }
    }

    /// Changes the keyring. Servers read it within half a second. Throws ``Unusable``, and what `change` throws.
    package func update<Result>(_ change: (inout Keyring) throws -> Result) throws -> Result {
        // Two commands at once must not lose a change.
        let lock: FileLock
        do {
            lock = try FileLock(path + "/keyring.lock")
        } catch {
            throw Unusable(description: "cannot lock the keyring in \(path): \(error)")
        }
        defer { lock.release() }
        var keyring = try read()
        let result = try change(&keyring)
        do {
            try write(keyring)
        } catch {
            throw Unusable(description: "cannot write the keyring \(self.keyring): \(error)")
        }
        return result
    }

    private func write(_ keyring: Keyring) throws {
        try PrivateFiles.write(Data((keyring.jsonValue.jsonText + "\n").utf8), to: self.keyring)
    }

    /// Reads a holder's key. Throws the error of reading, or ``RookeryCore/ServiceKey/Malformed``.
    package func readKey(of holder: String) throws -> ServiceKey {
        let text = try String(contentsOfFile: key(of: holder), encoding: .utf8)
        return try ServiceKey(String(text.split(whereSeparator: \.isWhitespace).last ?? ""))
    }

    /// Writes a key to a file. Throws the error of writing.
    package func write(_ key: ServiceKey, to file: String) throws {
        try PrivateFiles.write(Data((key.text + "\n").utf8), to: file)
    }

    /// Writes the file of a holder's key. Clients show the new key within half a second. Throws the error of writing.
    package func write(_ key: ServiceKey, of holder: String) throws {
        try write(key, to: self.key(of: holder))
    }
}
