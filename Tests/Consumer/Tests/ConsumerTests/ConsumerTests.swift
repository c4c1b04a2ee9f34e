import Contracts
import Foundation
import InMemoryTracing
import Logging
import Rookery
import RookeryTesting
import ServiceLifecycle
import Synchronization
import Testing
import Tracing

private struct Library: LibraryAPI {
    func list(_ query: Query) async throws -> Page<Everything> {
        if query.limit == 0 { throw RemoteError(.empty, "There is nothing.") }
        return Page(items: [Everything(id: query.limit, name: "one", secret: "s")], next: 2)
    }
    func digest(of thing: Everything) async throws -> String { "\(thing.id)/\(thing.name)" }
    func ping() async throws {}
    func opened(_ query: Query) async throws {}
    func watch(_ query: Query) async throws -> MessageStream<Shape> {
        MessageStream([.circle(radius: 1), .rectangle(width: 2, height: 3)])
    }
}

private struct Doubling: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        var call = call
        if var query = try? call.message.decode(Query.self) {
            query.limit *= 2
            call.message = MessageBody(query)
        }
        return try await next(call)
    }
}

@Suite("A package that uses Rookery")
struct ConsumerTests {
    @Test("declares messages of every kind, which read what they write")
    func roundTrip() throws {
        let thing = Everything(
            id: 7, name: "Žofie", notes: "a\nb", email: "a@b.cz", airport: "PRG", secret: "s",
            start: Instant("2031-01-01T10:00:00Z"), tags: ["a"],
            day: LocalDate("2031-01-01"), rank: 3, flags: ["x": true], key: UUID(),
            stamp: Date(timeIntervalSince1970: 1_000_000.125), bytes: Data([1, 2, 255]),
            link: URL(string: "https://example.com/a?b=c"), kind: .fancy, shape: .rectangle(width: 1, height: 2),
            anything: ["a": [1, nil]])
        #expect(try Everything.decode(json: thing.json) == thing)
        let page = Page(items: [thing], next: 3)
        #expect(try Page<Everything>.decode(json: page.json) == page)
        #expect(!"\(thing)".contains("a@b.cz"))
    }

    @Test("gets every violation of a message at once")
    func violations() {
        let text = #"{"id":0,"name":"","secret":" ","airport":"prague","key":"x","bytes":"%","link":"no","minutes":3}"#
        let error = #expect(throws: InvalidPayload.self) { try Everything.decode(json: text) }
        #expect(
            Set(error?.violations.map(\.path) ?? []) == [
                "id", "name", "secret", "airport", "key", "bytes", "link", "minutes",
            ])
    }

    @Test("serves a contract over TCP and calls it, with interceptors, options and traces of its own")
    func overTCP() async throws {
        let tracer = InMemoryTracer()
        let service = LibraryAPIContract.service(Library()).intercepted(by: Doubling(), on: LibraryAPIContract.list)
        let server = try RookeryServer(.init(port: 0), services: service, tracer: tracer)
        try await withRookeryServer(server) { server in
            let address = try await server.listeningAddress
            let configuration = try ClientConfiguration("library", at: "\(address)")
            try await withRookeryClient(configuration, tracer: tracer) { client in
                let library = LibraryAPIClient(client)
                let page = try await library.with { $0.timeout = .seconds(1) }.list(Query(limit: 4))
                #expect(page.items.map(\.id) == [8] && page.next == 2)
                let error = await #expect(throws: RemoteError.self) { try await library.list(Query(limit: 0)) }
                #expect(error?.code == .empty)
                #expect(try await library.digest(of: page.items[0]) == "8/one")
                try await library.ping()
                try await library.opened(Query())
                var shapes: [Shape] = []
                for try await shape in try await library.watch(Query()) { shapes.append(shape) }
                #expect(shapes == [.circle(radius: 1), .rectangle(width: 2, height: 3)])
                #expect(try await client.send("library.list", ["limit": 1])?["items"]?.arrayValue?.count == 1)
            }
        }
        #expect(tracer.finishedSpans.contains { $0.operationName == "list" && $0.kind == .server })
    }

    @Test("tests without a network, with a stub that fails by name until it is set")
    func stub() async throws {
        var stub = LibraryAPIStub()
        stub.listHandler = { _ in Page(items: []) }
        let library = try LibraryAPIClient(RookeryClient(inMemory: LibraryAPIContract.service(stub)))
        #expect(try await library.list(Query()).items.isEmpty)
        let error = await #expect(throws: _StubMethodNotSet.self) { try await stub.ping() }
        #expect(error.map { "\($0)" }?.contains("LibraryAPI.ping") == true)
    }

    @Test("tests an interceptor alone")
    func interceptor() async throws {
        let call = Call(testing: LibraryAPIContract.list, Query(limit: 4))
        var passedOn: Query?
        _ = try await Doubling().intercept(
            call,
            next: CallHandler(testing: { call in
                passedOn = try call.message.decode(Query.self)
                return .none
            }))
        #expect(passedOn?.limit == 8)
    }

    @Test("puts server and client into a service group, which stops both")
    func serviceGroup() async throws {
        let server = try RookeryServer(.init(port: 0), services: LibraryAPIContract.service(Library()))
        let address = Mutex<Instance?>(nil)
        let logger = Logger(label: "consumer") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let found = try await server.listeningAddress
            address.withLock { $0 = found }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(address.withLock { $0 } != nil)
    }

    @Test("reads schemas of its types and what a contract declares")
    func schemas() {
        let schema = Schema(of: Page<Everything>.self).jsonSchema
        #expect(schema["$ref"] == "#/$defs/Page_Everything")
        let fields = schema["$defs"]?["Everything"]?["properties"]
        #expect(
            fields?["id"] == [
                "type": "integer", "minimum": 1, "maximum": 100, "description": "The number of the thing.",
            ])
        #expect(fields?["key"]?["format"] == "uuid" && fields?["when"]?["format"] == "date")
        #expect(LibraryAPIContract.list.pattern == Pattern(cmd: "list") && LibraryAPIContract.list.name == "list")
    }
}
