import ArgumentParser
import Rookery

struct Emit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends an event. It is not acknowledged: exit code 0 says that it was handed to the network.")

    @OptionGroup var target: Target

    func run() async throws {
        let client = target.client
        try await client.emit(target.pattern, target.data)
        // The write is under way; a graceful close sends it before the connection ends.
        await client.close()
    }
}
