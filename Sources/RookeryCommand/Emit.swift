import ArgumentParser
import Rookery

struct Emit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends an event. Services do not acknowledge it: exit code 0 means it was handed to the network.")

    @OptionGroup var target: Target

    func run() async throws {
        let client = try target.client()
        try await client.emit(target.pattern, target.data)
        // `emit` returns before the event is sent. The close sends it before the connection ends.
        await client.close()
    }
}
