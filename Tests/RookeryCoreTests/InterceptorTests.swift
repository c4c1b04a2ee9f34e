import Rookery
import RookeryCore
import RookeryTesting
import Synchronization
import Testing
import Tracing

/// Notes what passes, under a name.
private struct Noting: Interceptor {
    let name: String
    let log: @Sendable (String) -> Void

    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        log("\(name)>\(call.command.name)")
        return try await next(call)
    }
}

/// Replaces everything there is: the message, metadata, the reply, each value of a stream, and the error.
private struct Replacing: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        var call = call
        call.metadata["tenant"] = "north"
        if let owner = try? call.message.decode(Owner.self) {
            call.message = MessageBody(Owner(name: owner.name + "!", email: owner.email))
        }
        do {
            return try await next(call).mapMessages { body in
                if let number = try? body.decode(Int.self) { return MessageBody(number * 10) }
                if let owner = try? body.decode(Owner.self) { return MessageBody(Owner(name: "<\(owner.name)>")) }
                return body
            }
        } catch let error as RemoteError where error.code == "KNOWN" {
            throw RemoteError("OTHER", "another reason")
        }
    }
}

/// Sets the tenant of what is inside.
private struct Tenant: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        var context = ServiceContext.current ?? .topLevel
        context.callMetadata["tenant"] = "north"
        return try await ServiceContext.withValue(context) { try await next(call) }
    }
}

@Suite("An interceptor")
struct InterceptorTests {
    private func client(
        _ service: EchoService = EchoService(), _ change: (RookeryService) -> RookeryService
    ) throws -> RookeryClient {
        try RookeryClient(inMemory: change(EchoAPIContract.service(service)))
    }

    @Test("of a server sees and replaces message, metadata, reply, each value and error")
    func server() async throws {
        let echo = EchoAPIClient(try client { $0.intercepted(by: Replacing()) })
        #expect(try await echo.shout(Owner(name: "eva")).name == "<EVA!>")
        #expect(try await echo.who() == ["tenant": "north"])
        var values: [Int] = []
        for try await value in try await echo.count(to: CountTo(last: 3)) { values.append(value) }
        #expect(values == [0, 10, 20])
        let error = await #expect(throws: RemoteError.self) { try await echo.fail(Owner(name: "known")) }
        // It was asked for "known!", which is not known.
        #expect(error == .internalServerError)
    }

    @Test("of a client does so as well, in the same shape")
    func ofClient() async throws {
        let echo = EchoAPIClient(try client { $0 }.intercepted(by: Replacing()))
        #expect(try await echo.shout(Owner(name: "eva")).name == "<EVA!>")
        #expect(try await echo.who() == ["tenant": "north"])
        var values: [Int] = []
        for try await value in try await echo.count(to: CountTo(last: 3)) { values.append(value) }
        #expect(values == [0, 10, 20])
    }

    @Test("stands around what it is attached to: a server's outermost, then a contract's, then a command's")
    func order() async throws {
        let log = Mutex<[String]>([])
        let note: @Sendable (String) -> Void = { line in log.withLock { $0.append(line) } }
        let service = EchoAPIContract.service(EchoService())
            .intercepted(by: Noting(name: "contract", log: note))
            .intercepted(by: Noting(name: "command", log: note), on: EchoAPIContract.shout)
        var outer = InterceptorList()
        outer.append([Noting(name: "server", log: note)])
        let transport = try InMemoryTransport(service.routes, interceptors: outer)
        let echo = EchoAPIClient(
            transport.client().intercepted(by: Noting(name: "client", log: note), on: EchoAPIContract.shout))
        _ = try await echo.shout(Owner(name: "eva"))
        #expect(log.withLock { $0 } == ["client>shout", "server>shout", "contract>shout", "command>shout"])
        log.withLock { $0 = [] }
        try await echo.ping()
        #expect(log.withLock { $0 } == ["server>ping", "contract>ping"])
    }

    @Test("sets a context in which a stream's values are made, though they are read later")
    func streamContext() async throws {
        let stream = Route.stream(Command("tenants", pattern: "tenants", kind: .stream)) { (_: JSONValue) in
            let left = Mutex(2)
            return MessageStream<String>(unfolding: {
                let isOver = left.withLock { left in
                    left -= 1
                    return left < 0
                }
                return isOver ? nil : ServiceContext.current?.callMetadata["tenant"] ?? "none"
            })
        }
        let client = try RookeryClient(inMemory: RookeryService([stream]).intercepted(by: Tenant()))
        var tenants: [JSONValue?] = []
        for try await value in try await client.stream("tenants", nil) { tenants.append(value) }
        #expect(tenants == ["north", "north"])
    }

    @Test("on a command that the service does not have ends the program, and is not lost")
    func unknownCommand() async {
        await #expect(processExitsWith: .failure) {
            _ = EchoAPIContract.service(EchoService()).intercepted(by: Tenant(), on: Command("other", pattern: "other"))
        }
    }

    @Test("may answer itself, call again, or refuse")
    func ownAnswers() async throws {
        struct Cached: Interceptor {
            func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
                Reply(Owner(name: "cached"))
            }
        }
        struct Twice: Interceptor {
            func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
                _ = try await next(call)
                return try await next(call)
            }
        }
        let cached = EchoAPIClient(try client { $0.intercepted(by: Cached(), on: EchoAPIContract.shout) })
        #expect(try await cached.shout(Owner(name: "eva")).name == "cached")
        let service = EchoService()
        let twice = EchoAPIClient(try client(service) { $0 }.intercepted(by: Twice()))
        try await twice.ownerSeen(Owner(name: "maya"))
        #expect(service.seen.withLock { $0 } == ["maya", "maya"])
    }

    @Test("lets a context of its own be seen by the handler and travel on")
    func context() async throws {
        struct Tenant: Interceptor {
            func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
                var context = ServiceContext.current ?? .topLevel
                context.callMetadata["tenant"] = "south"
                return try await ServiceContext.withValue(context) { try await next(call) }
            }
        }
        let inner = try client { $0 }
        let outer = Route.raw("outer") { _ in
            #expect(ServiceContext.current?.callMetadata["tenant"] == "south")
            return try await EchoAPIClient(inner).who()
        }
        let client = try RookeryClient(inMemory: RookeryService([outer]).intercepted(by: Tenant()))
        #expect(try await client.send("outer", nil) == ["tenant": "south"])
    }
}

@Suite("A contract's declaration")
struct DeclarationTests {
    @Test("may have several patterns for one command: a server answers at each, a client calls by the first")
    func patterns() async throws {
        let client = try RookeryClient(inMemory: SeveralAPIContract.service(Several()))
        #expect(try await client.send(Pattern(cmd: "one"), [:]) == "one")
        #expect(try await client.send("also.one", [:]) == "one")
        #expect(SeveralAPIContract.one.pattern == Pattern(cmd: "one"))
        #expect(SeveralAPIContract.one.alternatives == ["also.one"])
    }

    @Test("gives a stub, whose methods fail with their own names until a test sets the one it needs")
    func stub() async throws {
        var stub = EchoAPIStub()
        let error = await #expect(throws: _StubMethodNotSet.self) { try await stub.shout(Owner(name: "eva")) }
        #expect(error?.method == "EchoAPI.shout" && "\(error.map { "\($0)" } ?? "")".contains("shoutHandler"))
        stub.shoutHandler = { Owner(name: "stubbed \($0.name)") }
        #expect(try await stub.shout(Owner(name: "eva")).name == "stubbed eva")
        stub.whoHandler = { ["it": "works"] }
        let client = try EchoAPIClient(RookeryClient(inMemory: EchoAPIContract.service(stub)))
        #expect(try await client.who() == ["it": "works"])
    }

    @Test("says which errors a command has: those that it does not declare are known as faults")
    func errors() {
        let one = SeveralAPIContract.one
        #expect(one.errors == ["KNOWN"])
        #expect(!one.isUndeclared(RemoteError("KNOWN", "")) && !one.isUndeclared(RemoteError(.overloaded, "")))
        #expect(one.isUndeclared(RemoteError("UNKNOWN", "")))
        #expect(CallOutcome(RemoteError("UNKNOWN", ""), of: one).isFailure)
        #expect(!CallOutcome(RemoteError("KNOWN", ""), of: one).isFailure)
        // Without a declaration nothing is known.
        #expect(!EchoAPIContract.shout.isUndeclared(RemoteError("UNKNOWN", "")))
    }

    @Test("is told by its server, with schemas, patterns, kinds, errors and doc comments")
    func description() throws {
        let text = Description(service: "several", commands: SeveralAPIContract.commands).jsonValue
        let one = try #require(text["commands"]?.arrayValue?.first)
        #expect(one["pattern"] == ["cmd": "one"] && one["alternatives"] == ["also.one"] && one["kind"] == "request")
        #expect(one["description"] == "The one." && one["errors"] == ["KNOWN"] && one["timeoutMs"] == 1500)
        #expect(one["reply"] == ["type": "string"] && one["idempotency"] == "safe")
        let told = text["commands"]?.arrayValue?.last
        #expect(told?["kind"] == "event" && told?["reply"] == nil && told?["idempotency"] == nil)
        #expect(text["schemas"]?["Owner"]?["properties"]?["name"] != nil)
    }
}

@Contract
private protocol SeveralAPI: Sendable {
    /// The one.
    @MessagePattern(cmd: "one", .safe, timeout: .milliseconds(1500), errors: ["KNOWN"])
    @MessagePattern("also.one")
    func one() async throws -> String

    @EventPattern("told")
    func told(_ event: Owner) async throws
}

private struct Several: SeveralAPI {
    func one() async throws -> String { "one" }
    func told(_ event: Owner) async throws {}
}
