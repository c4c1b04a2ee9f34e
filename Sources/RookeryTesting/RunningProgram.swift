package import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// A program that a test has started, as a user would. It runs until it ends, or is sent a signal; nothing else ends it.
package final class RunningProgram: Sendable {
    private let output: ProgramOutput

    /// The number of its process.
    package let processID: Int32

    /// Starts a program with its standard output watched; its errors go into a file, or where the test's go. Throws when it
    /// cannot be started.
    package init(
        _ executable: URL, _ arguments: [String], environment: [String: String] = [:], errorsTo file: String? = nil
    ) async throws {
        var changed: [Environment.Key: String?] = [:]
        for (name, value) in environment { changed[Environment.Key(stringLiteral: name)] = value }
        let configuration = Configuration(
            executable: .path(FilePath(executable.path)), arguments: Arguments(arguments),
            environment: .inherit.updating(changed))
        let errors = try file.map { path in
            try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        }
        let output = ProgramOutput()
        self.output = output
        // Without a parent that awaits it: a program may outlive the scope that started it, and what waits for its end waits
        // for ``exitCode()``.
        Task.detached {
            do {
                let result = try await run(
                    configuration, input: .none, output: .sequence,
                    error: .fileDescriptor(errors ?? .standardError, closeAfterSpawningProcess: errors != nil)
                ) { execution in
                    output.started(execution.processIdentifier.value)
                    for try await bytes in execution.standardOutput {
                        output.received(bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
                    }
                    output.closed()
                }
                switch result.terminationStatus {
                case .exited(let code): output.ended(code)
                case .signaled(let signal): output.ended(-signal)
                }
            } catch {
                output.failed(error)
            }
        }
        processID = try await output.processID()
    }

    /// The program of this package with that name, beside the running test.
    package static func url(_ name: String) -> URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name)
    }

    /// The first line that begins so; waits for it. Nil when the program ends without one.
    package func line(_ prefix: String) async -> String? { await output.line(prefix) }

    /// All that it has printed so far.
    package var printed: String { output.printed }

    /// Sends a signal: `SIGTERM`, `SIGKILL`.
    package func send(_ signal: Int32) { kill(processID, signal) }

    /// Waits for the end and gives the exit code, or minus the signal that ended it.
    package func exitCode() async -> Int32 { await output.exitCode() }
}
