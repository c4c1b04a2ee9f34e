public import ArgumentParser
import Foundation

/// Runs the command of a program and ends the program.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. A program may add exit codes of its own.
public enum Program {
    /// The exit code for wrong usage.
    public static let wrongUsage: Int32 = 2

    /// Parses the command line, runs the command, and ends the program.
    ///
    /// - Parameters:
    ///   - root: The program's root command.
    ///   - name: The program's name, which begins the line of a failure.
    ///   - report: Prints an error and returns its exit code. If it returns nil, this method prints the error. Default:
    ///     returns nil for every error.
    public static func run<Root: AsyncParsableCommand>(
        _ root: Root.Type, name: String, report: (any Error) -> Int32? = { _ in nil }
    ) async -> Never {
        // A reader that closes a pipe is an error of the write, which ``Terminal`` handles.
        signal(SIGPIPE, SIG_IGN)
        Processors.fitEventLoops()
        do {
            var command = try root.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            exit(0)
        } catch {
            exit(report(error) ?? show(error, root, name: name))
        }
    }

    private static func show(_ error: any Error, _ root: (some ParsableCommand).Type, name: String) -> Int32 {
        switch error {
        // The command has already printed the failure.
        case let error as ExitCode: return error.rawValue
        case is CancellationError: return 130
        case let error as CommandFailure:
            Terminal.note("\(name): \(error.message)")
            return 1
        default:
            let code = root.exitCode(for: error)
            if code == .success {
                Terminal.line(root.fullMessage(for: error))
                return 0
            }
            if code == .validationFailure {
                Terminal.note(root.fullMessage(for: error))
                return wrongUsage
            }
            Terminal.note("\(name): \(error)")
            return 1
        }
    }
}
