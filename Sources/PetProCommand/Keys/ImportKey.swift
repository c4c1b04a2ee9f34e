import ArgumentParser
import CommandSupport
import Foundation
import PetProRuntime
import Rookery

struct ImportKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Adds the public half of a key that was made elsewhere.",
        discussion: """
            FILE has one JSON object: the line of the key's id in `petpro keys list --json` on the host where the key was made. A secret \
            key is never imported: its holder keeps it.

              petpro keys list --json | grep 00aB3dE5fG7hI > payments.json
              petpro keys import payments.json
            """)

    @Argument(help: "The file. - is standard input.")
    var file: String
    @OptionGroup var keyring: KeyringOptions

    func run() async throws {
        let data: Data
        do {
            data =
                file == "-"
                ? try FileHandle.standardInput.readToEnd() ?? Data() : try Data(contentsOf: URL(filePath: file))
        } catch {
            throw CommandFailure("cannot read \(file): \(error.localizedDescription)")
        }
        guard let value = try? JSONValue(parsing: data) else { throw CommandFailure("\(file) is not one JSON object") }
        let (record, wrong) = KeyRecord.read(value)
        guard let record else { throw CommandFailure("\(file): \(wrong) is missing or malformed") }
        guard try keyring.update({ $0.add(record) }) else {
            throw CommandFailure("the keyring has a key \(record.id) already")
        }
        Terminal.line("added key \(record.id) of \(record.service)")
    }
}
