package import Foundation
import Synchronization

/// A program that a test has started, as a user would.
package final class RunningProgram: @unchecked Sendable {
    // `Process` may be used from any thread once it runs.
    private let process: Process
    private let output = Mutex(Output())

    /// One start at a time. Foundation on Linux learns of a program's end from a socket that the program holds; a second
    /// one started in the same moment would inherit a copy of it, and the first one's end would be told with the second's.
    private static let starting = Mutex(())

    private let ending = Box(Ending())

    private struct Ending {
        var code: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }

    /// A lock that closures can keep without keeping the program.
    private final class Box<Value: Sendable>: Sendable {
        private let value: Mutex<Value>
        init(_ value: Value) { self.value = Mutex(value) }
        func withLock<Result: Sendable>(_ body: (inout sending Value) -> sending Result) -> Result {
            value.withLock(body)
        }
    }

    private struct Output {
        var text = ""
        var isClosed = false
        var waiting: [(prefix: String, continuation: CheckedContinuation<String?, Never>)] = []
    }

    /// Starts a program with its standard output watched; its errors go into a file, or where the test's go.
    package init(
        _ executable: URL, _ arguments: [String], environment: [String: String] = [:], errorsTo file: String? = nil
    ) throws {
        process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        let pipe = Pipe()
        process.standardOutput = pipe
        if let file {
            _ = FileManager.default.createFile(atPath: file, contents: nil)
            process.standardError = FileHandle(forWritingAtPath: file)
        }
        pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.received(data)
        }
        process.terminationHandler = { [ending] process in
            let status = process.terminationStatus
            let code = process.terminationReason == .uncaughtSignal ? -status : status
            let waiting = ending.withLock { ending in
                ending.code = code
                defer { ending.waiting = [] }
                return ending.waiting
            }
            for continuation in waiting { continuation.resume(returning: code) }
        }
        try Self.starting.withLock { _ in try Self.unblockingSignals { try process.run() } }
    }

    /// Threads of the dispatch library block signals, and a program that is started by one would never get them.
    private static func unblockingSignals(_ body: () throws -> Void) rethrows {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_UNBLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    /// The program of this package with that name, beside the running test.
    package static func url(_ name: String) -> URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name)
    }

    private func received(_ data: Data) {
        let resumed = output.withLock { output in
            output.text += String(decoding: data, as: UTF8.self)
            output.isClosed = output.isClosed || data.isEmpty
            var resumed: [(CheckedContinuation<String?, Never>, String?)] = []
            output.waiting.removeAll { prefix, continuation in
                let line = Self.line(prefix, in: output.text)
                if line == nil, !output.isClosed { return false }
                resumed.append((continuation, line))
                return true
            }
            return resumed
        }
        for (continuation, line) in resumed { continuation.resume(returning: line) }
    }

    private static func line(_ prefix: String, in text: String) -> String? {
        // Only whole lines: the last one may still be growing.
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().first { $0.hasPrefix(prefix) }.map(
            String.init)
    }

    /// The first line that begins so; waits for it. Nil when the program ends without one.
    package func line(_ prefix: String) async -> String? {
        await withCheckedContinuation { continuation in
            let (isDone, line) = output.withLock { output -> (Bool, String?) in
                if let line = Self.line(prefix, in: output.text) { return (true, line) }
                if output.isClosed { return (true, nil) }
                output.waiting.append((prefix, continuation))
                return (false, nil)
            }
            if isDone { continuation.resume(returning: line) }
        }
    }

    /// All that it has printed so far.
    package var printed: String { output.withLock { $0.text } }

    /// The number of its process.
    package var processID: Int32 { process.processIdentifier }

    /// Sends a signal: `SIGTERM`, `SIGKILL`.
    package func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for the end and gives the exit code, or minus the signal that ended it.
    package func exitCode() async -> Int32 {
        await withCheckedContinuation { continuation in
            let code = ending.withLock { ending -> Int32? in
                if ending.code == nil { ending.waiting.append(continuation) }
                return ending.code
            }
            if let code { continuation.resume(returning: code) }
        }
    }
}
