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

/// Reads the lines of a file, one when it is asked for. Only one task uses it.
private final class LineReader: @unchecked Sendable {
    private let file: UnsafeMutablePointer<FILE>
    private var number = 0

    init(_ path: String) throws {
        guard let file = path == "-" ? fdopen(dup(STDIN_FILENO), "r") : fopen(path, "r") else {
            throw CommandFailure("--values \(path): \(String(cString: strerror(errno)))")
        }
        self.file = file
    }

    deinit { fclose(file) }

    /// Returns the next line and its number, from 1. Nil at the end. A thread that may block reads it.
    func next() async throws -> (Int, String)? {
        try await NIOThreadPool.singleton.runIfActive {
            var line: UnsafeMutablePointer<CChar>?
            var capacity = 0
            defer { free(line) }
            let count = getline(&line, &capacity, self.file)
            guard count > 0, let line else { return nil }
            self.number += 1
            return (self.number, String(decoding: UnsafeRawBufferPointer(start: line, count: count), as: UTF8.self))
        }
    }
}
