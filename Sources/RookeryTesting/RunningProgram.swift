package import Foundation
import Subprocess
import Synchronization
#if canImport(System)
import System
#else
import SystemPackage
#endif

/// A program that a test has started, as a user would.
///
/// It runs until it ends by itself or a signal ends it. Dropping this object does not end it.
package final class RunningProgram: Sendable {
    private let output: ProgramOutput

    /// The ID of the process.
    package let processID: Int32

    /// Starts a program and collects its standard output. Throws if the program cannot be started.
    ///
    /// `environment` changes variables of the test's own environment. Standard error goes to `file`, which is truncated
    /// first, or to the test's standard error.
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
        // Detached, because a program may outlive the scope that started it. ``exitCode()`` waits for its end.
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

    /// The path of a program of this package, in the folder of the running test.
    package static func url(_ name: String) -> URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name)
    }

    /// Waits for the first whole line of output with this prefix. Nil if standard output ends without one.
    package func line(_ prefix: String) async -> String? { await output.line(prefix) }

    /// The standard output so far.
    package var printed: String { output.printed }

    /// Sends a signal to the process, such as `SIGTERM` or `SIGKILL`.
    package func send(_ signal: Int32) { kill(processID, signal) }

    /// Waits for the end of the program. Returns the exit code, or minus the number of the signal that ended it.
    package func exitCode() async -> Int32 { await output.exitCode() }
}
