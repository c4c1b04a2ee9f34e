import Foundation
import Rookery
import RookeryTesting
import Testing

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

    @Test("ends quietly when what reads its output has had enough")
    func brokenPipe() async throws {
        try await withConformanceServer { port in
            for command in [
                "watch 127.0.0.1:\(port) '{\"cmd\":\"count\"}' '{\"to\":1000000000}'",
                "ping 127.0.0.1:\(port) --count 3",
            ] {
                let rookery = RunningProgram.url("rookery").path
                let file = NSTemporaryDirectory() + "errors-" + UUID().uuidString
                defer { try? FileManager.default.removeItem(atPath: file) }
                let shell = try await RunningProgram(
                    URL(filePath: "/bin/bash"), ["-c", "\(rookery) \(command) | head -n 1; exit ${PIPESTATUS[0]}"],
                    errorsTo: file)
                #expect(await shell.exitCode() == 0, "\(command)")
                #expect(try String(contentsOfFile: file, encoding: .utf8).isEmpty)
            }
        }
    }

    @Test("takes no time that is none")
    func noTime() async throws {
        for arguments in [
            ["bench", "127.0.0.1:1", "echo", "--duration", "0s"], ["ping", "127.0.0.1:1", "--timeout", "0ms"],
            ["call", "127.0.0.1:1", "echo", "--timeout", "0s"], ["watch", "127.0.0.1:1", "echo", "--timeout", "0s"],
        ] {
            #expect(try await rookery(arguments).code == 2, "\(arguments)")
        }
    }

    @Test("finds out whether a service answers, whatever it speaks, and how it is")
    func health() async throws {
        try await withConformanceServer { port in
            let ping = try await rookery("ping", "127.0.0.1:\(port)", "--count", "1")
            #expect(ping.code == 0 && ping.output.hasPrefix("127.0.0.1:\(port)  ") && ping.output.hasSuffix(" ms\n"))
            let both = try await rookery("ping", "127.0.0.1:\(port),127.0.0.1:1", "--count", "1", "--json")
            let results = try JSONValue(parsing: both.output).arrayValue ?? []
            #expect(both.code == 3 && results.count == 2 && results.last?["error"] != nil)
            let health = try await rookery("health", "127.0.0.1:\(port)")
            #expect(health.code == 0 && health.output == "127.0.0.1:\(port)  rookery  ready\n")
        }
        #expect(try await rookery("health", "127.0.0.1:1").code == 3)
        #expect(try await rookery("ping", "nowhere").code == 2)
        // A plain peer refuses every question; that is an answer, but tells nothing of its health.
        try await ScriptedPeer.running({ bytes in
            let asked = String(decoding: bytes, as: UTF8.self).split(separator: "\"id\":\"").count - 1
            return .write(
                (1...max(1, asked)).flatMap { id in
                    let text = #"{"id":"\#(id)","status":"error","err":"\#(RemoteError.noHandlerText)"}"#
                    return Array("\(text.utf8.count)#\(text)".utf8)
                })
        }) { peer in
            let ping = try await rookery("ping", "127.0.0.1:\(peer.port)", "--count", "1")
            let health = try await rookery("health", "127.0.0.1:\(peer.port)")
            #expect(ping.code == 0 && health.code == 1)
        }
        try await ScriptedPeer.running({ _ in .silence }) { peer in
            let silent = try await rookery("ping", "127.0.0.1:\(peer.port)", "--count", "1", "--timeout", "50ms")
            #expect(silent.code == 4)
        }
    }

    @Test("stands between a client and a service, and does what bad networks do")
    func proxy() async throws {
        try await withConformanceServer { port in
            let proxy = try await RunningProgram(
                RunningProgram.url("rookery"),
                ["proxy", "--to", "127.0.0.1:\(port)", "--fault", "slice=3", "--reply-fault", "delay=20ms"])
            let line = try #require(await proxy.line("listening 127.0.0.1:"))
            let address = String(line.dropFirst("listening ".count).prefix { $0 != "," })
            let echo = try await rookery("call", address, "echo", "[1,2]", "--safe", "--trace")
            #expect(echo.output == "[1,2]\n" && echo.code == 0)
            proxy.send(SIGTERM)
            #expect(await proxy.exitCode() == 0)
        }
        #expect(try await rookery("proxy", "--to", "127.0.0.1:1", "--fault", "gremlins=1").code == 2)
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

    /// Runs `rookery bench` against `get-booking`, or what `call` says, and reads its JSON.
    private func bench(_ port: Int, _ options: [String], call: [String]? = nil) async throws -> JSONValue {
        let call = call ?? ["{\"cmd\":\"get-booking\"}", "{\"id\":1}"]
        let result = try await rookery(["bench", "127.0.0.1:\(port)"] + call + options + ["--json"])
        #expect(result.code == 0, "\(options)")
        return try JSONValue(parsing: result.output)
    }

    @Test("measures every wire, in a closed and in an open loop, through the client, and streams")
    func benchKinds() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("rookery-\(UUID().uuidString).json")
        let rows = JSONValue.array((0..<1000).map { ["id": .int($0), "status": "confirmed"] })
        try Data(rows.jsonText.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try await withConformanceServer { port in
            for (options, wire) in [
                (["--plain"], "plain"), ([], "negotiated"), (["--serializer", "messagepack"], "negotiated"),
                (["--client", "--plain"], "plain"), (["--client", "--serializer", "messagepack"], "negotiated"),
            ] {
                let result = try await bench(port, options + ["--requests", "1000", "--connections", "2"])
                #expect(result["calls"] == 1000 && result["errors"] == 0, "\(options)")
                #expect(result["wire"]?.stringValue == wire, "\(options)")
            }
            let large = try await bench(
                port, ["--payload", file.path, "--compress", "--requests", "100"], call: ["{\"cmd\":\"echo\"}"])
            #expect(large["calls"] == 100 && large["errors"] == 0)
            let streams = try await bench(port, ["--streams", "--requests", "100"], call: ["{\"cmd\":\"stream3\"}"])
            #expect(streams["calls"] == 100 && streams["values"] == 300)
            // An open loop sends what it was asked to and no more; on a busy machine the last ones may be too late.
            let open = try await bench(port, ["--rate", "2000", "--duration", "500ms"])
            #expect((1...1010).contains(open["calls"]?.intValue ?? 0) && open["errors"] == 0)
        }
    }

    @Test("measures two services in turns, and where one no longer keeps up")
    func benchComparisons() async throws {
        try await withConformanceServer { port in
            let versus = try await bench(
                port, ["--vs", "127.0.0.1:\(port)", "--rounds", "2", "--requests", "500"])
            #expect(versus["rounds"]?.arrayValue?.count == 2 && versus["rateRatio"] != nil && versus["p50Ratio"] != nil)
            let ramp = try await bench(port, ["--ramp", "--rate", "5000", "--duration", "100ms"])
            // How far it gets depends on the machine.
            #expect(ramp["steps"]?.arrayValue?.first?["asked"] == 5000 && ramp["knee"] != nil)
        }
        for wrong in [
            ["--ramp", "--client"], ["--plain", "--compress"], ["--rate", "0"], ["--payload", "/nowhere"],
        ] {
            let result = try await rookery(["bench", "127.0.0.1:1", "x"] + wrong)
            #expect(result.code == 2 && result.output.isEmpty, "\(wrong)")
        }
    }
}

@Suite("What a service tells the rookery command", .serialized)
struct DescriptionCommandTests {
    @Test("is listed, and described for people, for programs, for TypeScript and as AsyncAPI")
    func describe() async throws {
        try await withConformanceServer { port in
            let address = "127.0.0.1:\(port)"
            let list = try await rookery("list", address)
            #expect(list.code == 0 && list.output.contains("request get-booking"))
            #expect(list.output.contains("GetConformanceBooking → ConformanceBooking"))
            let text = try await rookery("describe", address, "get-booking")
            #expect(text.code == 0 && text.output.contains("petName") && !text.output.contains("echo"))
            let json = try JSONValue(parsing: try await rookery("describe", address, "--json").output)
            #expect(json["schemas"]?["ConformanceBooking"]?["properties"]?["total"] == ["type": "number"])
            let types = try await rookery("describe", address, "--typescript").output
            #expect(types.contains("export interface ConformanceBooking {") && types.contains("  petName: string;"))
            let document = try JSONValue(parsing: try await rookery("describe", address, "--asyncapi").output)
            #expect(document["asyncapi"] == "3.0.0")
            #expect(document["channels"]?["getBooking"]?["address"] == #"{"cmd":"get-booking"}"#)
            let unknown = try await rookery("describe", address, "get-bokking")
            #expect(unknown.code == 1)
        }
    }

    @Test("is used to find the command by its name, and to name a field that is wrong before anything is sent")
    func checks() async throws {
        try await withConformanceServer { port in
            let address = "127.0.0.1:\(port)"
            let good = try await rookery("call", address, "get-booking", #"{"id":3}"#)
            #expect(good.code == 0 && good.output.contains(#""id":3"#))
            #expect(try await rookery("call", address, "get-booking", #"{"idd":3}"#).code == 2)
            // The next step that is offered reaches the same service.
            let hint = try await rookery("call", address, "get-booking", #"{"idd":3}"#, "--service", "rookery").errors
            #expect(hint.contains(#"describe \#(address) '{"cmd":"get-booking"}' --service rookery"#))
            #expect(try await rookery("call", address, "get-booking", #"{"id":"three"}"#).code == 2)
            // As it is: then it is the service that refuses.
            #expect(
                try await rookery("call", address, #"{"cmd":"get-booking"}"#, #"{"id":"three"}"#, "--no-check").code
                    == 1)
        }
    }
}
