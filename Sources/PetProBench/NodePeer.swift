import Foundation
import PetProTesting
import RookeryTesting

/// The bare Node peer of flow 2.
struct NodePeer {
    let port: Int
    private let program: RunningProgram

    /// Starts the peer, on `core` if given.
    ///
    /// Returns nil without Node, or if the working directory is not the project's folder.
    ///
    /// Throws if the peer does not start.
    static func start(core: Int?) async throws -> NodePeer? {
        let script = "Benchmarks/peers/node-flow.js"
        guard FileManager.default.fileExists(atPath: script),
            let node = ["/usr/bin/node", "/usr/local/bin/node", "/opt/homebrew/bin/node"].first(
                where: FileManager.default.isExecutableFile)
        else { return nil }
        let port = try await FreePorts.first(of: 3)
        let program =
            if let core {
                try await RunningProgram(Cores.taskset, ["-c", "\(core)", node, script, "\(port)"])
            } else {
                try await RunningProgram(URL(filePath: node), [script, "\(port)"])
            }
        guard await program.line("listening") != nil else { throw HTTP.Unexpected("the Node peer did not start") }
        return NodePeer(port: port, program: program)
    }

    func stop() async {
        program.send(SIGTERM)
        _ = await program.exitCode()
    }
}
