public import ArgumentParser
import Foundation

/// How a program runs its commands and ends. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted; a program may
/// have others of its own.
public enum Program {
    /// Wrong usage.
    public static let wrongUsage: Int32 = 2

    /// Runs the command that was asked for, and ends the program. `report` shows an error and gives the exit code; nil
    /// leaves it to be shown as any other.
    public static func run<Root: AsyncParsableCommand>(
        _ root: Root.Type, name: String, report: (any Error) -> Int32? = { _ in nil }
    ) async -> Never {
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
        // Said already, by the command itself.
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
