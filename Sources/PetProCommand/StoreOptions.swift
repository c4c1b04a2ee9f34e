import ArgumentParser
import CommandSupport
import PetProStorage
import Rookery

/// Where data is kept, and whose it is.
struct StoreOptions: ParsableArguments {
    static let defaultFolder = "data"

    @Option(help: "The folder of the databases; it is made if need be, readable by this user only.")
    var data = defaultFolder
    @Option(
        help: ArgumentHelp(
            "The file of the keys that sign tokens. Default: auth-keys.json in the folder of the databases.",
            valueName: "file"))
    var signingKeys: String?
    @Flag(help: "Enter demo data into an empty platform, and say in each response which calls it caused.")
    var demo = false
    @Flag(help: "Allow --demo at an address that other machines reach: their passwords are public.")
    var publicDemo = false

    /// Throws when demo data would be reachable from elsewhere without having been allowed.
    func check(_ addresses: [Instance]) throws {
        guard demo, !publicDemo, let address = addresses.first(where: { !Self.isLoopback($0.host) }) else { return }
        throw CommandFailure(
            "other machines may reach \(address), and the passwords of the demo accounts are public: "
                + "listen at 127.0.0.1, or add --public-demo")
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// The file of the keys that sign tokens.
    var signingKeysPath: String { signingKeys ?? data + "/auth-keys.json" }

    /// Makes the folder if need be, and takes the rights of others away. Throws an error that names it.
    func prepareFolder() throws {
        do {
            try PrivateFiles.prepare(folder: data)
        } catch let error as PrivateFiles.NotPrivate {
            throw CommandFailure("\(error)")
        } catch {
            throw CommandFailure("cannot use the folder \(data): \(error)\nChoose another one with --data.")
        }
    }
}
