import APIGateway
import ArgumentParser
import CommandSupport
import Foundation
import PetProRuntime

/// Whether the gateway has a console, outside demo mode.
struct ConsoleOptions: ParsableArguments {
    @Flag(
        help: """
            Have the gateway's /console show requests as sequence diagrams. It prints a URL that opens it once; later, an operator \
            or an administrator signs in there. With `petpro serve`, give it to each part. --demo has a console by itself.
            """)
    var console = false

    /// The folder of what the console keeps.
    static func folder(_ store: StoreOptions) -> String { store.data + "/console" }

    /// The configuration of the gateway's console. `settings` is what the settings say of it.
    ///
    /// Makes the folder, and the token of programs that send spans if there is none. Throws ``CommandSupport/CommandFailure`` that
    /// names the folder.
    func configuration(
        _ settings: ConsoleConfiguration, _ store: StoreOptions, port: Int, token: String
    ) throws -> ConsoleConfiguration {
        var configuration = settings
        configuration.isDemo = store.demo
        configuration.isOn = store.demo || console
        guard configuration.isOn else { return configuration }
        let folder = Self.folder(store)
        do {
            try store.prepareFolder()
            try PrivateFiles.prepare(folder: folder)
            configuration.file = "\(folder)/\(port).sqlite"
            configuration.tracesToken = try Self.tracesToken(folder + "/otlp-token")
        } catch {
            throw CommandFailure("cannot use the folder \(folder): \(error)")
        }
        if !store.demo { configuration.token = token }
        return configuration
    }

    /// Reads the token from its file, or makes both.
    private static func tracesToken(_ path: String) throws -> String {
        if let data = FileManager.default.contents(atPath: path) {
            try PrivateFiles.prepare(file: path)
            let token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            if token.utf8.count >= 16 { return token }
            throw CommandFailure(
                "\(path) has no token of at least 16 characters: delete the file, and a new one is made")
        }
        let token = ConsoleSecret.make()
        try PrivateFiles.write(Data((token + "\n").utf8), to: path)
        return token
    }
}
