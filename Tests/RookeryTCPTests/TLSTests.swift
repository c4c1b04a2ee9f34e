import Foundation
import NIOCore
import NIOPosix
import Rookery
import RookeryCore
import RookeryTesting
import RookeryWire
import Testing

/// Certificates in files, from an authority of the test.
private struct CertificateFiles {
    let path = NSTemporaryDirectory() + "tls-\(UUID())"
    let authority: DevelopmentAuthority

    init() throws {
        authority = try DevelopmentAuthority(name: "Test authority")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try write(authority.issued.certificate, "authority.pem")
        try write(DevelopmentAuthority(name: "Another").issued.certificate, "another.pem")
        try issue("server", ["shop", "127.0.0.1"])
        try issue("client", ["gateway"])
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
    func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: file(name)), options: .atomic)
    }
    func file(_ name: String) -> String { "\(path)/\(name)" }

    func issue(
        _ name: String, _ names: [String], from start: Date? = nil, lifetime: Double = 86_400,
        by issuer: DevelopmentAuthority? = nil
    ) throws {
        let issued = try (issuer ?? authority).issue(names, from: start, lifetime: lifetime)
        try write(issued.key, "\(name).key")
        try write(issued.certificate, "\(name).pem")
    }

    func server(_ name: String = "server", mutual: Bool = false) -> ServerTLS {
        var tls = ServerTLS()
        tls.certificate = file("\(name).pem")
        tls.key = file("\(name).key")
        if mutual { tls.clients = file("authority.pem") }
        return tls
    }

    func client(_ own: String? = nil, roots: String = "authority.pem", name: String? = nil) -> ClientTLS {
        var tls = ClientTLS()
        tls.roots = file(roots)
        tls.name = name
        tls.certificate = own.map { file("\($0).pem") }
        tls.key = own.map { file("\($0).key") }
        return tls
    }
}

/// A client with TLS, and all guards.
private func encrypted(
    _ port: Int, _ tls: ClientTLS, _ change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> RookeryClient {
    var configuration = ClientConfiguration(host: "127.0.0.1", port: port)
    configuration.tls = tls
    configuration.retry.maximumAttempts = 1
    change(&configuration)
    return RookeryClient(try Destination(tcp: configuration, eventLoops: oneLoop, logger: quiet))
}

private let echo = Route.request(Command("echo", pattern: "echo", idempotency: .safe)) { (value: JSONValue) in value }

/// What a call fails with: its code, whether it was written, and the cause.
private func failure(_ client: RookeryClient) async -> (code: String, wasWritten: Bool, cause: String) {
    do {
        _ = try await client.send("echo", 1)
        return ("none", true, "")
    } catch let error as CallError {
        return ("\(error.code)", error.wasWritten, error.cause ?? "")
    } catch {
        return ("\(error)", true, "")
    }
}

@Suite("Connections with TLS")
struct TLSTests {
    @Test("carry requests, large and compressed ones, events and streams, negotiated and plain")
    func flows() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        let (seen, events) = AsyncStream.makeStream(of: Int.self)
        let count = Route.stream(Command("count", pattern: "count", kind: .stream)) { (last: Int) in
            MessageStream(Array(1...last))
        }
        let event = Route.raw("happened", isEvent: true) { data in
            events.yield(Int(data?.intValue ?? 0))
            return nil
        }
        let text = String(repeating: "pet care ", count: 100_000)
        try await withServer([echo, count, event]) {
            $0.tls = files.server(mutual: true)
        } _: { port, _ in
            for negotiates in [true, false] {
                let client = try encrypted(port, files.client("client")) { $0.negotiates = negotiates }
                #expect(try await client.send("echo", .string(text)) == .string(text))
                try await client.emit("happened", 7)
                #expect(await seen.first { _ in true } == 7)
                var values: [JSONValue?] = []
                for try await value in try await client.stream("count", 5) { values.append(value) }
                #expect(values == [1, 2, 3, 4, 5])
                await client.close()
            }
        }
    }

    @Test("close when the reader of a plain stream leaves, which cancels the handler")
    func cancelledStream() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        let endless = Route.stream(Command("endless", pattern: "endless", kind: .stream)) { (_: JSONValue) in
            let (values, source) = AsyncStream.makeStream(of: Int.self)
            source.onTermination = { _ in continuation.yield() }
            source.yield(1)
            return MessageStream(values)
        }
        try await withServer([endless]) {
            $0.tls = files.server()
        } _: { port, server in
            let client = try encrypted(port, files.client()) { $0.negotiates = false }
            for try await _ in try await client.stream("endless", 1) { break }
            #expect(await ended.first { _ in true } != nil)
            try await eventually { server.connectionCount == 0 }
            await client.close()
        }
    }

    @Test("fail with what is wrong with the server's certificate, and nothing was written")
    func serverFaults() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        let day = 86_400.0
        try files.issue("expired", ["127.0.0.1"], from: Date() - 2 * day, lifetime: day)
        try files.issue("early", ["127.0.0.1"], from: Date() + day)
        try files.issue("foreign", ["127.0.0.1"], by: try DevelopmentAuthority(name: "Test authority"))
        try files.issue("other", ["vendor"])
        for (certificate, text) in [
            ("expired", "expired at"), ("early", "not valid before"), ("foreign", "an authority that is not trusted"),
            ("other", "not for 127.0.0.1"),
        ] {
            try await withServer([echo]) {
                $0.tls = files.server(certificate)
            } _: { port, _ in
                let client = try encrypted(port, files.client())
                let failed = await failure(client)
                #expect(failed.code == "cannotConnect" && !failed.wasWritten)
                #expect(failed.cause.contains(text), "\(certificate): \(failed.cause)")
                await client.close()
            }
        }
        try await withServer([echo]) {
            $0.tls = files.server()
        } _: { port, _ in
            // The name that is expected decides, not the address that was dialled.
            for (name, text) in [("shop", ""), ("vendor", "not for vendor")] {
                let client = try encrypted(port, files.client(name: name))
                let failed = await failure(client)
                #expect(failed.code == (text.isEmpty ? "none" : "cannotConnect") && failed.cause.hasSuffix(text))
                await client.close()
            }
        }
    }

    @Test("fail with why the server refuses the client's certificate")
    func clientFaults() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        try files.issue("foreign", ["gateway"], by: try DevelopmentAuthority(name: "Foreign"))
        try files.issue("expired", ["gateway"], from: Date() - 172_800, lifetime: 86_400)
        try await withServer([echo]) {
            $0.tls = files.server(mutual: true)
        } _: { port, _ in
            for (own, text) in [(nil, "asks for a certificate"), ("foreign", "refuses"), ("expired", "refuses")] {
                let client = try encrypted(port, files.client(own))
                let failed = await failure(client)
                #expect(["connectionLost", "cannotConnect"].contains(failed.code))
                #expect(failed.cause.contains(text), "\(own ?? "none"): \(failed.cause)")
                if own != nil { #expect(!failed.wasWritten) }
                await client.close()
            }
            // A chain that is longer than any is not even looked at.
            let others = try (0..<5).map { try DevelopmentAuthority(name: "Authority \($0)").issued.certificate }
            let own = try String(contentsOfFile: files.file("client.pem"), encoding: .utf8)
            try files.write(([own] + others).joined(separator: "\n"), "client.pem")
            let client = try encrypted(port, files.client("client"))
            #expect(await failure(client).code != "none")
            await client.close()
        }
    }

    @Test("are not made with a peer without TLS")
    func mixed() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        try await withServer([echo]) { port, _ in
            let client = try encrypted(port, files.client())
            let failed = await failure(client)
            #expect(failed.code == "cannotConnect" && !failed.wasWritten)
            await client.close()
        }
        try await withServer([echo]) {
            $0.tls = files.server()
        } _: { port, _ in
            let client = try encrypted(port, ClientTLS())
            let failed = await failure(client)
            #expect(failed.code == "connectionLost" && failed.cause.contains("expects TLS"), "\(failed.cause)")
            await client.close()
            // The server goes on.
            let good = try encrypted(port, files.client())
            #expect(try await good.send("echo", 2) == 2)
            await good.close()
        }
    }

    @Test("are given up when the handshake takes longer than a call may")
    func slowHandshake() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try encrypted(try need(listener.localAddress?.port), files.client()) {
            $0.connectTimeout = .milliseconds(100)
            $0.timeout = .milliseconds(100)
        }
        // The call waits as long as the handshake may take, and its own time may be over first.
        let failed = await failure(client.with { $0.timeout = .seconds(5) })
        #expect(failed.code == "cannotConnect" && failed.cause.contains("no TLS handshake in 100 ms"))
        await client.close()
        try await listener.close()
    }

    @Test("use a new certificate from its files, and an authority that joins, while calls go on")
    func rotation() async throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        try await withServer([echo]) {
            $0.tls = files.server(mutual: true)
        } _: { port, _ in
            let calls = try encrypted(port, files.client("client"))
            let load = Task {
                while !Task.isCancelled { _ = try await calls.send("echo", 1) }
            }
            for _ in 0..<3 {
                let next = try DevelopmentAuthority(name: "Next authority")
                // Both trust both authorities, then both change.
                try files.write(files.authority.issued.certificate + "\n" + next.issued.certificate, "authority.pem")
                try files.issue("server", ["shop", "127.0.0.1"], by: next)
                try files.issue("client", ["gateway"], by: next)
                try files.write(next.issued.certificate, "next.pem")
                try await eventually {
                    // A new connection that trusts the next authority alone.
                    let probe = try encrypted(port, files.client("client", roots: "next.pem"))
                    defer { Task { await probe.close() } }
                    return await failure(probe).code == "none"
                }
            }
            load.cancel()
            do { try await load.value } catch is CancellationError {}
            await calls.close()
        }
    }

    @Test("are not configured with files that cannot be used, or halves of a pair")
    func settings() throws {
        let files = try CertificateFiles()
        defer { files.remove() }
        func problem(_ change: (inout ServerTLS) -> Void) -> String {
            var configuration = ServerConfiguration()
            configuration.tls = files.server()
            change(&configuration.tls)
            let error = #expect(throws: InvalidSetting.self) { try RookeryServer(configuration) }
            return error?.description ?? ""
        }
        #expect(problem { $0.key = nil }.hasPrefix("tls.key must be given"))
        #expect(problem { $0.certificate = nil }.hasPrefix("tls.certificate must be given"))
        #expect(problem { $0.certificate = files.file("none.pem") }.contains("none.pem"))
        #expect(problem { $0.certificate = files.file("server.key") }.contains("no certificate"))
        #expect(problem { $0.key = files.file("server.pem") }.contains("no private key"))
        #expect(problem { $0.key = files.file("client.key") }.contains("do not fit together"))
        var client = ClientConfiguration(host: "127.0.0.1", port: 1)
        client.tls.name = "shop"
        #expect(throws: InvalidSetting.self) { try RookeryClient(client) }
        client.tls = files.client("client")
        client.tls.key = nil
        #expect(throws: InvalidSetting.self) { try RookeryClient(client) }
    }
}
