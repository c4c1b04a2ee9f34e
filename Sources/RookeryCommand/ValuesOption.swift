import ArgumentParser
import CommandSupport
import Foundation
import NIOPosix
import Rookery

/// The values of a client stream, as `rookery call` and `rookery watch` take them.
struct ValuesOption: ParsableArguments {
    @Option(
        name: .customLong("values"),
        help: "A file with the values of a client stream, a JSON value on each line. - is standard input.")
    var path: String?

    /// Returns the values, each read when the service has room for it. Nil without the option.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the file cannot be read. The stream throws a `ValidationError` that names the line
    /// which is not JSON, or does not fit what `described` says of the values.
    func stream(_ described: Target.Described) throws -> MessageStream<JSONValue>? {
        guard let path else { return nil }
        let lines = try LineReader(path)
        let name = path == "-" ? "standard input" : path
        let check = SchemaCheck(definitions: described.schemas)
        return MessageStream {
            while let (number, line) = try await lines.next() {
                if line.allSatisfy(\.isWhitespace) { continue }
                guard let value = try? JSONValue(parsing: line) else {
                    throw ValidationError("line \(number) of \(name) is not JSON")
                }
                let problems = described.clientStream.map { check.problems(of: value, $0) } ?? []
                guard problems.isEmpty else {
                    throw ValidationError(
                        "line \(number) of \(name) is invalid:\n" + problems.map { "  \($0)" }.joined(separator: "\n"))
                }
                return value
            }
            return nil
        }
    }
}

/// Reads the lines of a file, one when it is asked for.
///
/// Sendable, unchecked: the one task that iterates asks for a line when it has the last one, so one thread at a time reads.
private final class LineReader: @unchecked Sendable {
    private let path: String
    private let file: UnsafeMutablePointer<FILE>
    private var number = 0

    init(_ path: String) throws {
        guard let file = path == "-" ? fdopen(dup(STDIN_FILENO), "r") : fopen(path, "r") else {
            throw CommandFailure("--values \(path): \(String(cString: strerror(errno)))")
        }
        self.path = path
        self.file = file
    }

    deinit { fclose(file) }

    /// Returns the next line and its number, from 1. Nil at the end. Throws ``CommandSupport/CommandFailure`` if the file cannot be
    /// read.
    ///
    /// A thread that may block reads it. A cancelled task does not wait for that: the next line of a terminal may never come.
    func next() async throws -> (Int, String)? {
        let (lines, continuation) = AsyncThrowingStream.makeStream(of: (Int, String)?.self)
        NIOThreadPool.singleton.submit { _ in
            continuation.yield(with: Result { try self.read() })
        }
        for try await line in lines { return line }
        throw CancellationError()
    }

    private func read() throws -> (Int, String)? {
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        let count = getline(&line, &capacity, file)
        guard count > 0, let line else {
            if ferror(file) == 0 { return nil }
            throw CommandFailure("--values \(path): \(String(cString: strerror(errno)))")
        }
        number += 1
        return (number, String(decoding: UnsafeRawBufferPointer(start: line, count: count), as: UTF8.self))
    }
}
