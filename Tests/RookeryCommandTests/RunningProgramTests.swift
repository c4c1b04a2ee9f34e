import Foundation
import RookeryTesting
import Testing

@Suite("A program that a test starts", .timeLimit(.minutes(1)))
struct RunningProgramTests {
    private static let shell = URL(filePath: "/bin/sh")

    /// Foundation's `Process` learnt of an end from a descriptor that a second program, started in the same moment, inherited:
    /// then the first one's end was told with the second's.
    @Test("is known to have ended when it has, whatever was started at the same time")
    func twoAtOnce() async throws {
        for round in 0..<200 {
            async let long = RunningProgram(Self.shell, ["-c", "echo long; read -r line < /dev/zero"])
            async let short = RunningProgram(Self.shell, ["-c", "echo short; exit \(round % 7)"])
            let (first, second) = try await (long, short)
            #expect(await second.exitCode() == Int32(round % 7))
            #expect(await second.line("short") == "short")
            #expect(await first.line("long") == "long")
            first.send(SIGKILL)
            #expect(await first.exitCode() == -SIGKILL)
        }
    }

    @Test("gets its signals, its environment and its file for errors")
    func surroundings() async throws {
        let file = NSTemporaryDirectory() + "errors-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        let program = try await RunningProgram(
            Self.shell,
            ["-c", "trap 'echo term; exit 3' TERM; echo \"$NAME\" >&2; echo ready; while :; do sleep 0.01; done"],
            environment: ["NAME": "Žofie"], errorsTo: file)
        #expect(await program.line("ready") == "ready")
        program.send(SIGTERM)
        #expect(await program.exitCode() == 3)
        #expect(program.printed.hasSuffix("term\n"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "Žofie\n")
    }

    @Test("that is not there is told at once")
    func missing() async {
        await #expect(throws: (any Error).self) { try await RunningProgram(URL(filePath: "/no/such/program"), []) }
    }
}
