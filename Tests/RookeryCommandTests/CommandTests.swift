import Foundation
import Rookery
import RookeryTesting
import Testing

/// Runs `rookery` and gives its output and exit code.
private func rookery(_ arguments: String...) async throws -> (output: String, code: Int32) {
    let program = try RunningProgram(RunningProgram.url("rookery"), arguments)
    let code = await program.exitCode()
    // The pipe's end comes after the last line.
    _ = await program.line("\u{0}")
    return (program.printed, code)
}

@Suite("The rookery command", .serialized)
struct CommandTests {
    @Test("prints a reply as JSON, and says with its exit code what went wrong")
    func calls() async throws {
        try await withConformanceServer { port in
            let address = "127.0.0.1:\(port)"
            let echo = try await rookery("call", address, "{\"cmd\":\"echo\"}", "{\"a\":[1,null,\"ž🐶\"]}")
            #expect(echo.output == "{\"a\":[1,null,\"ž🐶\"]}\n" && echo.code == 0)
            #expect(try await rookery("call", address, "echo", "1").output == "1\n")
            let nothing = try await rookery("call", address, "{\"cmd\":\"undefined\"}")
            #expect(nothing.output.isEmpty && nothing.code == 0)
            #expect(try await rookery("call", address, "{\"cmd\":\"rpc-object\"}").code == 1)
            #expect(try await rookery("call", address, "no such pattern").code == 1)
            #expect(try await rookery("call", address, "echo", "{not json").code == 2)
            #expect(try await rookery("call", "nowhere", "echo").code == 2)
            #expect(try await rookery("call", address, "{broken").code == 2)
            #expect(try await rookery("call", address, "{\"cmd\":\"never\"}", "--timeout", "50ms").code == 4)
            #expect(try await rookery("emit", address, "booking.created", "1").code == 0)
        }
        let port = try await withConformanceServer { $0 }
        #expect(try await rookery("call", "127.0.0.1:\(port + 1)", "echo").code == 3)
    }

    @Test("prints a line for each value of a stream")
    func watch() async throws {
        try await withConformanceServer { port in
            let watch = try await rookery("watch", "127.0.0.1:\(port)", "{\"cmd\":\"stream3-async\"}")
            #expect(watch.output == "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n" && watch.code == 0)
            let failed = try await rookery("watch", "127.0.0.1:\(port)", "{\"cmd\":\"stream-err\"}")
            #expect(failed.output == "1\n2\n" && failed.code == 1)
        }
    }

    @Test("measures a service, without an error")
    func bench() async throws {
        try await withConformanceServer { port in
            let bench = try await rookery(
                "bench", "127.0.0.1:\(port)", "{\"cmd\":\"get-booking\"}", "{\"id\":1}", "--requests", "5000",
                "--connections", "2", "--in-flight", "8", "--json")
            let result = try JSONValue(parsing: bench.output)
            #expect(result["calls"] == 5000 && result["errors"] == 0 && bench.code == 0)
            #expect((result["rate"]?.intValue ?? 0) > 0)
        }
    }
}
